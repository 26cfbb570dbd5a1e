// A form that is drawn again while somebody is in it: the keyboard stays in the field, and what was typed stays there.
const NAMED = ["data-key", "aria-label", "name", "type"];
const typedInto = new WeakSet();

document.addEventListener("input", ({ target }) => typedInto.add(target), { capture: true });

/** What a control is called in the form: by the places it is in and by its own names. */
function calledBy(control, root) {
  const places = [];
  for (let place = control.parentElement; place && place !== root; place = place.parentElement) places.push(place.id || place.dataset.at || "");
  return [control.tagName, control.id, ...NAMED.map((name) => control.getAttribute(name)), ...places.filter(Boolean)].join("\n");
}

const selectionOf = ({ selectionStart, selectionEnd }) => (Number.isInteger(selectionStart) ? [selectionStart, selectionEnd] : null);

function putBack(control, value) {
  const drawn = control.value;
  control.value = value;
  typedInto.add(control);
  if (control.type === "search") control.dispatchEvent(new Event("input"));
  // The browser tells a change only of what was typed into this very control.
  else if (value !== drawn) control.addEventListener("blur", () => control.dispatchEvent(new Event("change")), { once: true });
}

/** Draw within `root`; the keyboard and what was typed stay where they were, if that control is drawn again. */
export function keepTyping(root, draw) {
  const before = document.activeElement;
  const called = before && before !== root && root.contains(before) ? calledBy(before, root) : "";
  const selection = called ? selectionOf(before) : null;
  draw();
  if (!called || document.activeElement === before) return;
  const again = before.isConnected ? before : [...root.querySelectorAll(before.tagName)].find((each) => calledBy(each, root) === called);
  if (!again) return;
  for (let fold = again.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  again.focus({ preventScroll: true });
  if (again !== before && typedInto.has(before)) putBack(again, before.value);
  if (selection) again.setSelectionRange(...selection);
}
