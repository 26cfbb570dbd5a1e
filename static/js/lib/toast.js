// Short words at the bottom of the page; an error stays longer, and with Undo there is a way back.
// `undo` is true for the newest change, or a function that takes back what is not a change of a person; `links` lead to
// what was made.
import { call } from "./api.js";
import { make } from "./dom.js";
import { count } from "./format.js";
import { PORTION, Progress } from "./progress.js";

const MOST = 4;
const POINTED_MS = 30_000; // how much longer words stay that somebody points at, or has the focus in
// A touch screen says that a finger still points where it was last.
const pointer = matchMedia("(hover: hover)");

export function toast(words, { bad = false, undo = false, href = "", links = [] } = {}) {
  const region = document.getElementById("toasts");
  const sign = bad ? make("b", { class: "toast-sign", role: "img", "aria-label": "Failed:" }, "!") : null;
  const box = make("div", { class: bad ? "toast is-bad" : "toast" }, sign, make("p", {}, words));
  if (undo) {
    const isNewest = typeof undo !== "function";
    if (isNewest) {
      withdraw();
      box.dataset.undoes = "yes";
    }
    const button = make("button", { class: "button small", type: "button" }, "Undo");
    button.addEventListener("click", () => {
      box.remove();
      if (isNewest) undoLast();
      else undo();
    });
    box.append(button);
  }
  for (const link of links) box.append(make("a", { class: "button small", href: link.href }, link.words));
  if (href) box.append(make("a", { class: "button small", href }, "Sign in"));
  const close = make("button", { class: "button quiet small", type: "button", "aria-label": "Close" }, "×");
  close.addEventListener("click", () => box.remove());
  box.append(close);
  region.append(box);
  trim(region, box);
  const lasting = bad ? Math.max(9000, words.length * 90) : 6000;
  setTimeout(() => pass(box, POINTED_MS), lasting);
}

const isPointedAt = (box) => box.matches(":focus-within") || (pointer.matches && box.matches(":hover"));

/** The oldest go, but neither those that somebody is about to read or press, nor the newest. */
function trim(region, newest) {
  const passing = [...region.querySelectorAll(".toast:not(.is-long)")];
  const free = passing.filter((box) => box !== newest && !isPointedAt(box));
  free.slice(0, Math.max(0, passing.length - MOST)).forEach((box) => box.remove());
}

/** Not indefinitely: the pointer may be parked there, and Undo means the newest change of any page. */
function pass(box, more) {
  if (more > 0 && isPointedAt(box)) setTimeout(() => pass(box, more - 1000), 1000);
  else box.remove();
}

/** Undo takes back the newest change: only what says that one may offer it. */
function withdraw() {
  document.querySelectorAll("#toasts [data-undoes]").forEach((offer) => offer.remove());
}

export function complain(error) {
  toast(error.message, { bad: true, href: error.detail?.href ?? "" });
}

let way = takeBack;

/** What has changes that the server may not know comes first: `step` waits for them, or undoes them itself, and calls
 *  `onward` for what was there before. The step that was added last is asked first. */
export function undoFirst(step) {
  const onward = way;
  way = () => step(onward);
}

export const undoLast = () => way();

/** Undo a whole operation, not the newest change; returns the operation that does it, or "" where it was refused. */
export async function undoOperation(operation) {
  try {
    return (await call("POST", `/api/operations/${operation}/undo`)).id;
  } catch (error) {
    complain(error);
    return "";
  }
}

/** One act may have changed thousands: they come back in portions, and how far it is is shown. */
async function undoAll() {
  let answer = await call("POST", "/api/undo", { most: PORTION });
  const episodes = answer.episodes;
  const progress = answer.left ? new Progress("Undoing …", episodes.length + answer.left) : null;
  try {
    while (answer.left && !progress.stopped) {
      progress.at(episodes.length);
      answer = await call("POST", "/api/undo", { most: PORTION, group: answer.group });
      episodes.push(...answer.episodes);
    }
  } finally {
    progress?.end();
  }
  return episodes;
}

/** Undo your newest change; the cards that it touched are fetched again. */
async function takeBack() {
  withdraw();
  try {
    const episodes = await undoAll();
    document.dispatchEvent(new CustomEvent("undone", { detail: { episodes } }));
    toast(episodes.length ? `Undone${episodes.length > 1 ? ` for ${count(episodes.length, "take")}` : ""}.` : "Nothing to undo.");
  } catch (error) {
    complain(error);
  }
}
