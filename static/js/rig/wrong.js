// What the station finds wrong, said at the field that it is about.
import { make } from "../lib/dom.js";

/** Mark the fields `[data-key]` and the boxes `[data-says]` whose keys have errors; others lose their mark. */
export function markWrong(root, errors) {
  const messages = new Map(errors.map(({ key, message }) => [key, message]));
  for (const field of root.querySelectorAll("[data-key]")) {
    const at = field.closest("[data-at]")?.dataset.at ?? field.closest("section")?.id;
    const message = messages.get(`${at}.${field.dataset.key}`) ?? "";
    field.setAttribute("aria-invalid", String(message !== ""));
    sayAt(field.closest(".field"), message);
    if (message) for (let fold = field.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
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
