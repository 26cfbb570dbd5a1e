// A list of cards by keys: J and B walk, K keeps, R rejects and walks on, Enter opens; with a selection, all of it.
import { keys } from "./lib/keys.js";
import { watchPlace } from "./wall/back.js";
import { watchFilterFold } from "./wall/filter_fold.js";
import { watchLook } from "./wall/look.js";
import { Many } from "./wall/many.js";
import { Selection } from "./wall/selection.js";
import { watchReshapes } from "./wall/reshape.js";
import { watchTransfers } from "./wall/transfer.js";

const cards = () => [...document.querySelectorAll("#cards .take")];
const chosen = () => document.activeElement?.closest("#cards .take");
const still = matchMedia("(prefers-reduced-motion: reduce)");
let last = ""; // the card that was chosen, where the focus has gone to nowhere since

function choose(card) {
  card?.querySelector("a.title")?.focus({ preventScroll: true });
  card?.scrollIntoView({ block: "nearest", behavior: still.matches ? "instant" : "smooth" });
}

function walk(by) {
  const all = cards();
  const at = all.indexOf(chosen());
  const lost = at < 0 && document.activeElement === document.body && all.find((card) => card.id === last);
  choose(lost || all[at < 0 ? 0 : Math.min(all.length - 1, Math.max(0, at + by))]);
}

function judge(verdict) {
  const card = chosen();
  if (!card) return walk(0);
  card.querySelector(`.${verdict}`)?.click();
  return walk(1);
}

/** A filter's field that asks for nothing stays out of the address. */
function leaveOutEmpty({ detail }) {
  if (detail.elt.id !== "filter") return;
  for (const [name, value] of Object.entries(detail.parameters)) {
    if (value === "") delete detail.parameters[name];
  }
}

export function watchWall() {
  if (!document.getElementById("cards")) return;
  const selection = new Selection();
  const many = new Many(selection);
  watchTransfers(selection);
  watchReshapes(selection);
  document.addEventListener("focusin", ({ target }) => {
    last = target.closest("#cards .take")?.id ?? last;
  });
  const decide = (verdict) => (selection.editable.length ? many.judge(verdict) : judge(verdict));
  document.addEventListener("htmx:configRequest", leaveOutEmpty);
  watchPlace();
  watchFilterFold();
  watchLook();
  keys(
    {
      j: () => walk(1),
      n: () => walk(1),
      b: () => walk(-1),
      k: () => decide("keep"),
      r: () => decide("reject"),
      u: () => (selection.editable.length ? many.judge("unreviewed") : chosen()?.querySelector(".clear")?.click()),
      x: () => selection.toggle(chosen()),
      c: () => selection.ids.length === 2 && location.assign(document.querySelector("[data-compare]").href),
      Escape: () => selection.clear(),
      "/": () => document.getElementById("filter-q")?.focus(),
    },
    { repeat: ["j", "n", "b"] },
  );
}
