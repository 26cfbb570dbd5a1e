// The sheet "Push to object storage": whose keys, where to, and what would be sent, before anything is sent.
import { call } from "../lib/api.js";
import { say, show } from "../lib/dom.js";
import { describe } from "./preview.js";
import { comparison, join, send } from "./sheet.js";

const NAMED = /^\s*s3:\/\/[^/\s]+\/.*[^/\s]/i;
const dialog = document.getElementById("push-storage-sheet");
const part = (name) => dialog.querySelector(`[data-part="${name}"]`);
const form = dialog && part("push");
const button = form?.querySelector("button.primary");
let own = false;

function drawAccount({ keys, endpoint }) {
  own = keys === "own";
  const host = endpoint ? new URL(endpoint).host : "AWS";
  say(part("account"), own ? `Your keys for ${host} are kept, encrypted.` : "Keys of the user that runs this server.");
  say(part("change"), own ? "Remove them" : "Use my own keys");
  show(part("sign-in"), keys === "none");
  show(part("signed-in"), keys !== "none");
  show(form, keys !== "none");
  (keys === "none" ? part("sign-in").elements.key : form.elements.repository).focus();
}

/** Another dataset in the folder is replaced only if the person says so. */
function drawOther(other) {
  show(part("replace"), Boolean(other));
  say(part("other"), `Replace the dataset that is there: ${other}`);
  drawButton();
}

function drawButton() {
  button.disabled = !part("replace").hidden && !form.elements.replace.checked;
}

function drawPreview(answer) {
  part("preview").replaceChildren(...describe(answer, "a dataset is there already", "no dataset is there yet"));
  drawOther(answer.other);
}

const place = () => form.elements.repository.value.trim();
const compare = dialog && comparison({ dialog, form, preview: part("preview"), button, named: NAMED, body: () => ({ repository: place() }), draw: drawPreview });

function later() {
  form.elements.replace.checked = false;
  show(part("replace"), false);
  compare();
}

const push = () => send(dialog, { repository: place(), replace: form.elements.replace.checked });

async function keep() {
  const { key, secret, endpoint, region } = part("sign-in").elements;
  const values = { key: key.value.trim(), secret: secret.value.trim(), endpoint: endpoint.value.trim(), region: region.value.trim() };
  const answer = await call("PUT", "/api/storage/keys", values);
  key.value = secret.value = "";
  drawAccount(answer);
  later();
}

async function change() {
  if (own) return drawAccount(await call("DELETE", "/api/storage/keys"));
  show(part("sign-in"), true);
  return part("sign-in").elements.key.focus();
}

async function open() {
  dialog.showModal();
  drawAccount(await call("GET", "/api/storage"));
  if (form.elements.repository.value) later();
}

if (dialog) {
  join({ opener: document.querySelector("[data-push-storage-open]"), open, part, change, keep, form, button, push });
  form.addEventListener("input", ({ target }) => (target.name === "replace" ? drawButton() : later()));
}
