// Keys live on a page, never in a field, and never while a dialog is open.

const TYPING = "input:not([type=checkbox], [type=radio], [type=range]), textarea, select, [contenteditable]";
// What a focused control does by itself with these keys is not ours.
const OWN = { " ": "button, a, summary, input, label", Enter: "button, a, summary, input, label" };

/** `keys({ "k": f, "Shift+ArrowLeft": g })`; a handler that returns false leaves the key to the browser. */
export function keys(map, { repeat = [] } = {}) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
    if (event.target.closest(TYPING) || document.querySelector("dialog[open]")) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const name = event.shiftKey && event.key.length > 1 ? `Shift+${key}` : key;
    const act = map[name];
    if (!act || (event.repeat && !repeat.includes(name))) return;
    if (OWN[key] && event.target.closest(OWN[key]) && !event.target.closest("[data-keys-through]")) return;
    if (act(event) !== false) event.preventDefault();
  });
}
