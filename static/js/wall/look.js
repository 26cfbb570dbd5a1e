// Cards or rows: what somebody chose once is so on every wall of this browser.
import { remember, remembered } from "../lib/dom.js";

const wall = () => document.getElementById("wall");

function show() {
  if (!wall()) return;
  wall().dataset.look = remembered("wall-look", "cards");
  for (const button of wall().querySelectorAll("[data-look-to]")) button.setAttribute("aria-pressed", String(button.dataset.lookTo === wall().dataset.look));
}

export function watchLook() {
  show();
  document.addEventListener("htmx:afterSwap", ({ detail }) => detail.target?.id === "wall-list" && show());
  document.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-look-to]");
    if (!button) return;
    remember("wall-look", button.dataset.lookTo);
    show();
  });
}
