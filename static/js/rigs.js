// The page Rigs: it asks before a rig is removed.
import { say } from "./lib/dom.js";
import { wasOpen } from "./lib/folds.js";
import { ringTopics } from "./live.js";

const dialog = document.getElementById("remove");
const yes = document.getElementById("remove-yes");

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

// The newest lines are the last ones.
document.addEventListener("toggle", ({ target }) => {
  if (!target.matches?.("details[open]") || wasOpen(target)) return;
  const text = target.querySelector(".last-words");
  if (text) text.scrollTop = text.scrollHeight;
}, true);
