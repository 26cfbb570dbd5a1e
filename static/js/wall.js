// A list of cards by keys: J and B walk, K keeps, R rejects and walks on, Enter opens.
import { keys } from "./lib/keys.js";

const cards = () => [...document.querySelectorAll("#cards .take")];
const chosen = () => document.activeElement?.closest("#cards .take");

function choose(card) {
  card?.querySelector("a.title")?.focus({ preventScroll: true });
  card?.scrollIntoView({ block: "nearest", behavior: "smooth" });
}

function walk(by) {
  const all = cards();
  const at = all.indexOf(chosen());
  choose(all[at < 0 ? 0 : Math.min(all.length - 1, Math.max(0, at + by))]);
}

function judge(verdict) {
  const card = chosen();
  if (!card) return walk(0);
  card.querySelector(`.${verdict}`)?.click();
  return walk(1);
}

export function watchWall() {
  if (!document.getElementById("cards")) return;
  keys(
    {
      j: () => walk(1),
      n: () => walk(1),
      b: () => walk(-1),
      k: () => judge("keep"),
      r: () => judge("reject"),
    },
    { repeat: ["j", "n", "b"] },
  );
}
