// Keys and buttons that are pressed before the page's scripts are here: kept, and pressed again once those listen. What is
// typed or chosen stays where it is, and is told again: else a list would not follow its filter, nor a note be saved.
(() => {
  const MOST = 20;
  const FIELD = "input, textarea, select, [contenteditable]";
  // What these keys do to a focused control comes as a click of its own.
  const OWN = { " ": "button, a, summary", Enter: "button, a, summary" };
  // Held, they change what others mean; pressed again, nobody would let go of them.
  const HELD = ["Shift", "Control", "Alt", "Meta"];
  const kept = []; // in the order in which they came
  const clicked = new Set(); // a second press of a button that did not answer means the same, and confirms nothing
  const changed = { input: new Map(), change: new Map() }; // by field, whether it was checked; each is told of once

  /** Some scripts may listen already, while the page's own still load: what is kept is for later, and for nobody now. */
  function keep(event, again) {
    event.stopImmediatePropagation();
    if (kept.length < MOST) kept.push(again);
  }

  function key(event) {
    const { target, key: name, code, ctrlKey, shiftKey, altKey, metaKey } = event;
    if (target.closest?.(FIELD) || event.repeat || event.isComposing || HELD.includes(name)) return;
    if (OWN[name] && target.closest?.(OWN[name])) return;
    const same = { key: name, code, ctrlKey, shiftKey, altKey, metaKey, bubbles: true, cancelable: true };
    keep(event, () => (target.isConnected ? target : document.body).dispatchEvent(new KeyboardEvent("keydown", same)));
  }

  // A form that says where it goes needs no script; any other would load the page again, without what was typed.
  // The emergency stop waits for nothing (record/stop_first.js).
  function click(event) {
    const button = event.target.closest?.("button, [data-pick]");
    if (!button || button.matches(".estop-button") || (button.type === "submit" && button.form?.hasAttribute("action"))) return;
    event.preventDefault();
    if (clicked.has(button)) return void event.stopImmediatePropagation();
    clicked.add(button);
    keep(event, () => button.isConnected && button.click());
  }

  function field(event) {
    const { target, type } = event;
    const isKnown = changed[type].has(target);
    changed[type].set(target, target.checked);
    if (isKnown) return void event.stopImmediatePropagation();
    keep(event, () => {
      if (!target.isConnected) return;
      if (target.matches("[type=checkbox], [type=radio]")) target.checked = changed[type].get(target); // a script has drawn it
      target.dispatchEvent(new Event(type, { bubbles: true }));
    });
  }

  function pressAgain() {
    document.removeEventListener("keydown", key, true);
    document.removeEventListener("click", click, true);
    for (const type of Object.keys(changed)) document.removeEventListener(type, field, true);
    for (const again of kept) again();
  }

  document.addEventListener("keydown", key, true);
  document.addEventListener("click", click, true);
  for (const type of Object.keys(changed)) document.addEventListener(type, field, true);
  // It comes after the modules have run, so that every handler is there; htmx listens a moment later.
  document.addEventListener("DOMContentLoaded", () => setTimeout(pressAgain));
})();
