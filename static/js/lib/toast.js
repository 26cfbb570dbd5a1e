// Short words at the bottom of the page; an error stays longer, and with Undo there is a way back.
import { call } from "./api.js";
import { make } from "./dom.js";

const MOST = 4;

export function toast(words, { bad = false, undo = false, href = "" } = {}) {
  const region = document.getElementById("toasts");
  const box = make("div", { class: bad ? "toast is-bad" : "toast" }, make("p", {}, words));
  if (undo) {
    // Undo takes back the newest change: only the newest may offer it.
    region.querySelectorAll("[data-undoes]").forEach((older) => older.remove());
    box.dataset.undoes = "yes";
    const button = make("button", { class: "button small", type: "button" }, "Undo");
    button.addEventListener("click", () => {
      box.remove();
      undoLast();
    });
    box.append(button);
  }
  if (href) box.append(make("a", { class: "button small", href }, "Sign in"));
  const close = make("button", { class: "button quiet small", type: "button", "aria-label": "Close" }, "×");
  close.addEventListener("click", () => box.remove());
  box.append(close);
  region.append(box);
  while (region.children.length > MOST) region.firstElementChild.remove();
  const lasting = bad ? Math.max(9000, words.length * 90) : 6000;
  setTimeout(() => box.remove(), lasting);
}

export function complain(error) {
  toast(error.message, { bad: true, href: error.detail?.href ?? "" });
}

let through = (act) => act();

/** A page that has changes on their way says how undo waits for them: else it would take back the one before. */
export function undoThrough(way) {
  through = way;
}

export const undoLast = () => through(takeBack);

/** Take back your newest change; the cards that it touched are fetched again. */
async function takeBack() {
  try {
    const { episodes, version } = await call("POST", "/api/undo");
    document.dispatchEvent(new CustomEvent("undone", { detail: { episodes, version } }));
    toast(episodes.length ? `Taken back${episodes.length > 1 ? ` for ${episodes.length} takes` : ""}.` : "There is nothing to take back.");
  } catch (error) {
    complain(error);
  }
}
