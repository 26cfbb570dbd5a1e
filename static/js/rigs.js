// The page Rigs: it asks before a rig is removed, and keeps open what somebody reads while the list is fetched again.
import { say } from "./lib/dom.js";
import { ringTopics } from "./live.js";

const dialog = document.getElementById("remove");
const yes = document.getElementById("remove-yes");
let open = new Map(); // by id of a fold, how far its text was scrolled

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-remove]");
  if (!button) return;
  say(document.getElementById("remove-title"), `Remove the ${button.dataset.what ?? "rig"} ${button.dataset.remove}?`);
  say(document.getElementById("remove-words"), button.dataset.words);
  yes.dataset.said = `Removed ${button.dataset.remove}.`;
  yes.dataset.call = button.dataset.does;
  dialog.showModal();
});

yes.addEventListener("done", () => ringTopics(["stations", "rigs"]));
yes.addEventListener("click", () => dialog.close());

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (detail.target?.id !== "rigs") return;
  open = new Map([...detail.target.querySelectorAll("details[open][id]")].map((fold) => [fold.id, fold.querySelector("pre")?.scrollTop ?? 0]));
});
document.addEventListener("htmx:afterSwap", () => {
  for (const [id, scrolled] of open) {
    const fold = document.getElementById(id);
    if (!fold) continue;
    fold.open = true;
    const text = fold.querySelector("pre");
    if (text) text.scrollTop = scrolled;
  }
});

// The newest lines are the last ones.
document.addEventListener("toggle", ({ target }) => {
  if (!target.matches?.("details[open]") || open.has(target.id)) return;
  const text = target.querySelector(".last-words");
  if (text) text.scrollTop = text.scrollHeight;
}, true);
