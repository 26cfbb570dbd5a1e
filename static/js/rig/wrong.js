// What the station finds wrong, said at the field that it is about.
import { make } from "../lib/dom.js";

const CONTROLS = "input, select, textarea, button";

const placeOf = (field) => field.closest("[data-at]")?.dataset.at ?? field.closest("section")?.id;
const keyOf = (field) => `${placeOf(field)}.${field.dataset.key}`;

function unfold(field) {
  for (let fold = field.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
}

/** Mark the fields `[data-key]` and the boxes `[data-says]` whose keys have errors; others lose their mark. */
export function markWrong(root, errors) {
  const messages = new Map(errors.map(({ key, message }) => [key, message]));
  for (const field of root.querySelectorAll("[data-key]")) {
    const message = messages.get(keyOf(field)) ?? "";
    field.setAttribute("aria-invalid", String(message !== ""));
    sayAt(field.closest(".field"), message);
    if (message) unfold(field);
  }
  for (const box of root.querySelectorAll("[data-says]")) {
    const { at, says } = box.dataset; // what it says where it has no kind
    sayAt(box, messages.get(at) ?? (messages.has(`${at}.kind`) ? says : ""));
  }
}

function sayAt(box, message) {
  if (!box) return;
  const old = [...box.children].find((each) => each.matches(".field-wrong"));
  if (old?.textContent === message || (!old && !message)) return;
  old?.remove();
  if (message) box.append(make("small", { class: "field-wrong tone-bad words-tone" }, message));
}

function goTo(control) {
  if (!control) return false;
  unfold(control);
  control.focus();
  return true;
}

/** Put the keyboard in the field that an error of the station is about; whether there is one. */
export function goToError(root, { key }) {
  const field = [...root.querySelectorAll("[data-key]")].find((each) => keyOf(each) === key);
  if (field) return goTo(field.matches(CONTROLS) ? field : field.querySelector("[aria-invalid=true]") ?? field.querySelector(CONTROLS));
  const at = String(key).replace(/\.kind$/, "");
  const box = [...root.querySelectorAll("[data-at], section[id]")].find((each) => (each.dataset.at ?? each.id) === at);
  return goTo(box?.querySelector("input[type=search]") ?? box?.querySelector(CONTROLS));
}

/** Put the keyboard in the first field that the page itself finds wrong; what is wrong, with the field's name, or "". */
export function goToOwn(root) {
  const field = [...root.querySelectorAll("input")].find(({ validity }) => validity.customError);
  if (!field) return "";
  goTo(field);
  const label = field.getAttribute("aria-label") ?? `${placeOf(field)}, ${field.labels[0]?.textContent.trim()}`;
  return `${label}: ${field.validationMessage}`;
}
