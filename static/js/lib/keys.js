// Keys live on a page, never in a field, and never while a dialog or a menu is open. People may choose others.
import { say } from "./dom.js";

const TYPING = "input:not([type=checkbox], [type=radio], [type=range]), textarea, select, [contenteditable]";
// What a focused control does by itself with these keys is not ours.
const OWN = { " ": "button, a, summary, input, label", Enter: "button, a, summary, input, label" };
// An old browser refuses a selector that it does not know.
const OPEN = CSS.supports("selector(:popover-open)") ? "dialog[open], :popover-open" : "dialog[open]";
const LABELS = { " ": "Space", ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc" };

/** Every key that can be changed, with what it does where; one key means the same everywhere. */
export const ACTIONS = [
  ["Deciding", [["k", "Keep"], ["r", "Reject"], ["u", "Clear the verdict"], ["z", "Undo your last change"], ["j", "Next"], ["n", "Next (alternative); while recording, a note"], ["b", "Previous, or back to the take just judged"], ["[", "Set start here"], ["]", "Set end here"], ["t", "Trim idle ends"], ["s", "Success"], ["f", "Failure"], ["e", "Edit the task"]]],
  ["Subtasks", [["a", "Begin a subtask here"], ["q", "It begins here"], ["w", "It ends here"], [",", "Previous subtask"], [".", "Next subtask"], ["i", "A remark here"], ["Delete", "Delete the subtask or remark"]]],
  ["Looking", [["ArrowLeft", "Previous frame"], ["ArrowRight", "Next frame"], ["Ctrl+ArrowLeft", "Five frames back"], ["Ctrl+ArrowRight", "Five frames forward"], ["Shift+ArrowLeft", "Ten frames back"], ["Shift+ArrowRight", "Ten frames forward"], ["Home", "First frame"], ["End", "Last frame"], ["<", "Slower"], [">", "Faster"], ["l", "Loop"], ["g", "All cameras as a grid"], ["y", "Copy a link to this frame"]]],
  ["Recording, playing", [[" ", "Record and stop; play and pause"], ["Backspace", "Discard this take, or the one just ended, and record it again"], ["p", "Pause recording"], ["m", "Sound on, off"], ["o", "Ghost of an earlier take over the live pictures"]]],
  ["Lists", [["x", "Select"], ["c", "Compare the two selected"], ["/", "Search"]]],
  ["Everywhere", [["?", "Show shortcuts"]]],
];

/** Keys that stay as they are, in the same groups. */
export const FIXED = {
  "Looking": [["1 – 9", "Camera 1, 2, 3 … large"]],
  "Recording, playing": [["Enter", "End the reset, start the next take"], ["Esc", "Cancel the countdown, the reset or the check"], ["⇧ Esc", "Emergency stop, also while typing"], ["⇧", "Hold to drive, with two keys for each joint"]],
  "Lists": [["Enter", "Open the selected take"], ["Ctrl A", "Select all of the list"], ["Esc", "Select none"]],
  "Everywhere": [["Esc", "Close; leave a field"]],
};

let chosen = {}; // by the product's key the one that is pressed
let meant = new Map(); // and the other way round

export function useKeys(changed) {
  chosen = { ...changed };
  meant = new Map(Object.entries(chosen).map(([ours, theirs]) => [theirs, ours]));
  showKeys();
}

export const chosenKeys = () => ({ ...chosen });
export const labelOf = (key) => key.split("+").map((part) => (part === "Shift" ? "⇧" : LABELS[part] ?? (part.length === 1 ? part.toUpperCase() : part))).join(" ") || "+";

/** Letters with Ctrl, and all with Alt or the command key, belong to the browser. */
export const isBrowsers = (event) => event.metaKey || event.altKey || (event.ctrlKey && event.key.length === 1);

/** The product's name of what was pressed; empty where that key was given up for another. */
function meaning(name) {
  return meant.get(name) ?? (name in chosen ? "" : name);
}

export function nameOf(event) {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.key.length === 1) return key;
  return `${event.ctrlKey ? "Ctrl+" : ""}${event.shiftKey ? "Shift+" : ""}${key}`;
}

/** What the page prints as a key is the one that this person presses. */
export function showKeys() {
  const byLabel = new Map(ACTIONS.flatMap(([, actions]) => actions).map(([key]) => [labelOf(key), key]));
  for (const element of document.querySelectorAll("kbd")) {
    const key = element.dataset.key ?? byLabel.get(element.textContent);
    if (key === undefined || (!element.dataset.key && !(key in chosen))) continue;
    element.dataset.key = key;
    say(element, labelOf(chosen[key] ?? key));
  }
}

/** `keys({ "k": f, "Shift+ArrowLeft": g })`; a handler that returns false leaves the key to the browser.
    `asPressed`: the keys as they are named here, whatever this person has chosen for others. */
export function keys(map, { repeat = [], asPressed = false } = {}) {
  document.addEventListener("keydown", (event) => {
    if (isBrowsers(event) || event.isComposing || event.defaultPrevented) return;
    if (event.target.closest(TYPING) || document.querySelector(OPEN)) return;
    const name = asPressed ? nameOf(event) : meaning(nameOf(event));
    const act = map[name];
    if (!act || (event.repeat && !repeat.includes(name))) return;
    if (OWN[event.key] && event.target.closest(OWN[event.key]) && !event.target.closest("[data-keys-through]")) return;
    if (act(event) !== false) event.preventDefault();
  });
}

useKeys(JSON.parse(document.querySelector("meta[name=keys]")?.content ?? "{}"));
document.addEventListener("htmx:afterSettle", showKeys);
