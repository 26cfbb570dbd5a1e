// What lies under the pointer on the bar: a small picture of the camera that is large, the time and the number.
// At once from a dense filmstrip, which has the nearest of its frames; the very frame as soon as the pointer rests.
import { say, show } from "../lib/dom.js";
import { clock } from "../lib/format.js";

const [CELLS, HEIGHT, RESTS_MS] = [64, 96, 90];

export class Thumb {
  /** `facts()` gives { episode, key, frames, fps, version, shape } of what is shown, or null. */
  constructor(box, facts) {
    const thumb = box.querySelector("#thumb");
    Object.assign(this, { box, facts, thumb, still: thumb.querySelector("img"), words: thumb.querySelector("span"), frame: -1, timer: 0 });
    this.film = thumb.querySelector("div");
    this.still.addEventListener("load", () => show(this.still, this.still.dataset.frame === String(this.frame)));
    this.still.addEventListener("error", () => show(this.still, false));
    for (const moved of ["pointermove", "pointerdown"]) box.addEventListener(moved, (event) => this.at(event));
    for (const left of ["pointerleave", "pointercancel"]) box.addEventListener(left, () => this.leave());
    box.addEventListener("pointerup", (event) => event.pointerType === "touch" && this.leave());
  }

  at(event) {
    const facts = this.facts();
    if (!facts?.frames) return this.leave();
    const edge = this.box.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - edge.left) / edge.width));
    const frame = Math.round(share * (facts.frames - 1));
    const width = facts.key ? Math.round(HEIGHT * facts.shape) : 96;
    this.thumb.style.setProperty("width", `${width}px`);
    this.thumb.style.setProperty("left", `${Math.min(edge.width - width / 2 - 4, Math.max(width / 2 + 4, share * edge.width))}px`);
    show(this.thumb, true);
    if (frame === this.frame) return undefined;
    this.frame = frame;
    say(this.words, `${clock(frame / facts.fps)} · ${frame}`);
    show(this.still, false);
    show(this.film, Boolean(facts.key));
    if (facts.key) this.picture(facts, frame);
    return undefined;
  }

  picture({ episode, key, frames, version }, frame) {
    const count = Math.min(CELLS, frames);
    const there = `/media/${episode}/%/${encodeURIComponent(key)}`;
    const strip = `${there.replace("%", "strip")}.jpg?count=${count}&height=${HEIGHT}&v=${version}`;
    if (this.strip !== strip) this.film.style.setProperty("background-image", `url("${strip}")`);
    this.strip = strip;
    const cell = Math.round((frame * (count - 1)) / Math.max(1, frames - 1));
    this.film.style.setProperty("background-size", `${count * 100}% 100%`);
    this.film.style.setProperty("background-position", `${count > 1 ? (cell / (count - 1)) * 100 : 0}% 0`);
    clearTimeout(this.timer);
    if (count === frames) return; // the strip has every frame
    this.timer = setTimeout(() => {
      this.still.dataset.frame = String(frame);
      this.still.src = `${there.replace("%", "frame")}/${frame}.jpg?height=${HEIGHT}&v=${version}`;
    }, RESTS_MS);
  }

  leave() {
    clearTimeout(this.timer);
    this.frame = -1;
    show(this.thumb, false);
  }
}
