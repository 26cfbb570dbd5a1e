// The sheet "Push to the Hub": whose token, where to, what would be sent, and the card, before anything is sent.
import { call } from "../lib/api.js";
import { make, say, show } from "../lib/dom.js";
import { bytes, count } from "../lib/format.js";
import { complain, toast } from "../lib/toast.js";
import { ringTopics } from "../live.js";

const PAUSE_MS = 600;
const dialog = document.getElementById("push-sheet");
const part = (name) => dialog.querySelector(`[data-part="${name}"]`);
const form = dialog && part("push");
const button = form?.querySelector("button.primary");
const url = dialog && `/api/datasets/${dialog.dataset.slug}/push`;
const files = (n) => count(n, "file");
const NAMED = /^\s*\S+\/\S+\s*$/;
let asked = 0; // an earlier answer that is late is not shown
let timer = 0;
let edited = false; // the card was changed by hand: no preview writes over it
let own = false;
const begun = new Set(); // the pushes that this page began

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

function describe(answer) {
  const sent = answer.new_files + answer.changed_files;
  const size = answer.new_bytes + answer.changed_bytes;
  const where = answer.exists ? `${answer.private ? "private" : "public"}, exists already` : "will be made";
  const lines = [
    make("p", {}, make("span", { class: "strong" }, answer.repository), ` · ${where}`),
    make("p", { class: "num" }, sent ? `${files(sent)} to send, ${bytes(size)}: ${answer.new_files} new, ${answer.changed_files} changed` : "Nothing to send: every file is there already."),
  ];
  if (answer.same_files && sent) lines.push(make("p", { class: "num dim" }, `${files(answer.same_files)} there already, ${bytes(answer.same_bytes)}`));
  if (answer.exists && !answer.private) lines.push(make("p", { class: "note tone-warn" }, "This repository is public: everybody will see the dataset."));
  if (answer.gone_files) lines.push(make("p", { class: "note tone-warn" }, `${files(answer.gone_files)} there will be removed: this dataset does not have them any more.`));
  if (answer.left_out.length) lines.push(make("p", { class: "hint" }, `Stays here: ${answer.left_out.slice(0, 5).join(", ")}${answer.left_out.length > 5 ? ` and ${answer.left_out.length - 5} more` : ""}`));
  return lines;
}

function drawPreview(answer) {
  part("preview").replaceChildren(...describe(answer));
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

function later() {
  asked += 1;
  button.disabled = true;
  clearTimeout(timer);
  const number = asked;
  timer = setTimeout(() => preview(number), PAUSE_MS);
}

async function preview(number) {
  const { repository, licence } = form.elements;
  if (!NAMED.test(repository.value)) return part("preview").replaceChildren();
  part("preview").replaceChildren(make("p", { class: "loading" }, "Comparing …"));
  try {
    const answer = await call("POST", `${url}/preview`, { repository: repository.value.trim(), licence: licence.value });
    if (number === asked) drawPreview(answer);
  } catch (error) {
    if (number === asked) part("preview").replaceChildren(make("p", { class: "note tone-bad", role: "alert" }, error.message));
  }
}

async function push() {
  const { repository, licence, card, replace } = form.elements;
  const sends = part("replace").hidden || replace.checked;
  const body = { repository: repository.value.trim(), licence: licence.value, private: form.elements.private.checked, pull_request: form.elements.pull_request.checked };
  const { id } = await call("POST", url, sends ? { ...body, card: card.value } : body);
  begun.add(id);
  dialog.close();
  toast(`Sending to ${body.repository} …`);
  ringTopics(["operations", "new-operation"]);
}

async function ended({ detail: { kind, id, state } }) {
  if (kind !== "operation" || !begun.has(id) || !["done", "failed", "cancelled"].includes(state)) return;
  begun.delete(id);
  if (state !== "done") return; // its line on the page says why, and has the buttons
  try {
    const { pushed } = await call("GET", `/api/operations/${id}`);
    const links = [{ href: pushed.pull_request || pushed.url, words: pushed.pull_request ? "the pull request" : "the repository" }];
    toast(`Sent ${files(pushed.sent_files)}; all ${pushed.compared} are equal there.`, { links });
  } catch (error) {
    complain(error);
  }
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

async function busy(element, act) {
  if (element.getAttribute("aria-busy") === "true") return;
  element.setAttribute("aria-busy", "true");
  await act().catch(complain);
  element.removeAttribute("aria-busy");
}

if (dialog) {
  document.querySelector("[data-push-open]")?.addEventListener("click", () => open().catch(complain));
  part("change").addEventListener("click", ({ currentTarget }) => busy(currentTarget, change));
  part("sign-in").addEventListener("submit", (event) => {
    event.preventDefault();
    busy(event.submitter, keep);
  });
  document.addEventListener("row-moved", ended);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!button.disabled) busy(button, push);
  });
  form.addEventListener("input", ({ target }) => {
    if (target.name === "card") edited = true;
    else if (target.name === "replace") drawCard();
    else if (target.name === "repository" || target.name === "licence") later();
  });
}
