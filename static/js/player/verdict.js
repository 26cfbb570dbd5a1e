// The words of a verdict, and the way back to the takes that were judged.

import { remember, remembered } from "../lib/dom.js";
import { flightToTrash } from "../lib/flight.js";
import { toast } from "../lib/toast.js";

const MOST = 200;
const PHONE = window.matchMedia("(max-width: 760px)");

/** Whether a verdict leads on to the next take: the person's choice, kept for the browser. */
export const advances = () => remembered("advance", "yes") === "yes";

export function watchAdvance() {
  document.addEventListener("change", ({ target }) => {
    if (target.id === "advance") remember("advance", target.checked ? "yes" : "no");
  });
}

/** The choice, shown in the details that have just come; on a phone, where they stand below, the end comes into sight. */
export function showAdvance() {
  const box = document.getElementById("advance");
  if (box) box.checked = advances();
  if (PHONE.matches) document.getElementById("review-end")?.scrollIntoView({ block: "nearest" });
}

/** What tells, once called, that `verdict` of the episode `name` (#12) is saved: a toast; a rejected take's picture flies. */
export function toTell(name, verdict, committed, picture) {
  const fly = verdict === "reject" && !committed ? flightToTrash(picture) : null; // as it is shown now
  return () => {
    fly?.();
    toast(verdictWords(name, verdict, committed), { undo: true });
  };
}

export function verdictWords(name, verdict, committed) {
  if (verdict === "keep") return `${name} kept.`;
  if (verdict === "unreviewed") return `Verdict of ${name} cleared.`;
  return committed ? `${name} rejected. It will be deleted when you apply changes.` : `${name} rejected. It is in the trash.`;
}

/** What it says where the take has this verdict already: nothing was changed. */
export function alreadyWords(name, verdict) {
  if (verdict === "unreviewed") return `${name} has no verdict to clear.`;
  return verdict === "keep" ? `${name} is kept already.` : `${name} is rejected already.`;
}

/** The takes that one came from: Previous leads back to them, also where they have left the list since. */
export class Trail {
  constructor() {
    this.takes = [];
  }

  left(episode) {
    this.takes.push(episode);
    if (this.takes.length > MOST) this.takes.shift();
  }

  /** One is there (again). */
  reached(episode) {
    while (this.takes.at(-1) === episode) this.takes.pop();
  }

  get last() {
    return this.takes.at(-1) ?? "";
  }
}
