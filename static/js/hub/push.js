// The sheet "Push to the Hub": whose token, where to, what would be sent, and the card, before anything is sent.
import { call } from "../lib/api.js";
import { say, show } from "../lib/dom.js";
import { describe } from "./preview.js";
import { comparison, join, send } from "./sheet.js";

const dialog = document.getElementById("push-sheet");
const part = (name) => dialog.querySelector(`[data-part="${name}"]`);
const form = dialog && part("push");
const button = form?.querySelector("button.primary");
const NAMED = /^\s*\S+\/\S+\s*$/;
let edited = false; // the card was changed by hand: no preview writes over it
let own = false;

function drawAccount({ endpoint, token }) {
  own = token === "own";
  say(part("host"), new URL(endpoint).host);
  part("tokens").href = `${endpoint}/settings/tokens`;
  say(part("account"), own ? "Your token is kept, encrypted." : "Signed in as the user that runs this server.");
  say(part("change"), own ? "Remove it" : "Use my own token");
  show(part("sign-in"), token === "none");
  show(part("signed-in"), token !== "none");
  show(form, token !== "none");
  (token === "none" ? part("sign-in").elements.token : form.elements.repository).focus();
}

function drawPreview(answer) {
  part("preview").replaceChildren(...describe(answer, `${answer.private ? "private" : "public"}, exists already`, "will be made"));
  const box = form.elements.private;
  box.disabled = answer.exists; // it is what it is there
  if (answer.exists) box.checked = answer.private;
  show(part("card"), true);
  show(part("replace"), answer.has_card);
  if (!edited) form.elements.card.value = answer.card;
  drawCard();
  button.disabled = false;
}

function drawCard() {
  const kept = !part("replace").hidden && !form.elements.replace.checked;
  form.elements.card.disabled = form.elements.licence.disabled = kept;
}

function asks() {
  const { repository, licence } = form.elements;
  return { repository: repository.value.trim(), licence: licence.value };
}

const later = dialog && comparison({ dialog, form, preview: part("preview"), button, named: NAMED, body: asks, draw: drawPreview });

async function push() {
  const { private: hidden, pull_request, card, replace } = form.elements;
  const body = { ...asks(), private: hidden.checked, pull_request: pull_request.checked };
  const sends = part("replace").hidden || replace.checked;
  await send(dialog, sends ? { ...body, card: card.value } : body);
}

async function keep() {
  const { token } = part("sign-in").elements;
  const answer = await call("PUT", "/api/hub/token", { token: token.value.trim() });
  token.value = "";
  drawAccount(answer);
  later();
}

async function change() {
  if (own) return drawAccount(await call("DELETE", "/api/hub/token"));
  show(part("sign-in"), true);
  return part("sign-in").elements.token.focus();
}

async function open() {
  dialog.showModal();
  drawAccount(await call("GET", "/api/hub"));
  if (form.elements.repository.value) later();
}

if (dialog) {
  join({ opener: document.querySelector("[data-push-open]"), open, part, change, keep, form, button, push });
  form.addEventListener("input", ({ target }) => {
    if (target.name === "card") edited = true;
    else if (target.name === "replace") drawCard();
    else if (target.name === "repository" || target.name === "licence") later();
  });
}
