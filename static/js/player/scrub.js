// The bar under the pictures: filmstrip, playhead, what is cut off, where something stands out, what is held already.
import { make, show } from "../lib/dom.js";

export class Scrub {
  /** `on`: { seek(frame), drag(isDragging) } */
  constructor(on) {
    this.box = document.getElementById("scrub");
    this.range = document.getElementById("range");
    this.head = document.getElementById("playhead");
    this.film = document.getElementById("film");
    this.line = document.getElementById("marks-line");
    this.held = document.getElementById("held");
    this.frames = 1;
    this.range.addEventListener("input", () => {
      this.at(Number(this.range.value));
      on.seek(Number(this.range.value));
    });
    this.range.addEventListener("pointerdown", () => on.drag(true));
    for (const end of ["pointerup", "pointercancel"]) this.range.addEventListener(end, () => on.drag(false));
  }

  open(frames) {
    this.frames = Math.max(1, frames);
    this.range.max = String(this.frames - 1);
  }

  /** The middle of frame `n` as a share of the bar. */
  share(n) {
    return this.frames > 1 ? n / (this.frames - 1) : 0;
  }

  at(frame) {
    this.range.value = String(frame);
    this.head.style.setProperty("left", `${this.share(frame) * 100}%`);
  }

  strip(url) {
    if (this.url === url) return;
    this.url = url;
    this.film.replaceChildren();
    if (url) this.film.append(make("img", { src: url, alt: "", "data-picture": true }));
  }

  /** `kept`: [first, end) in frames, or null. */
  cut(kept) {
    const [start, end] = this.box.querySelectorAll("[data-cut]");
    show(start, Boolean(kept && kept[0] > 0));
    show(end, Boolean(kept && kept[1] < this.frames));
    if (!kept) return;
    start.style.setProperty("width", `${this.share(kept[0]) * 100}%`);
    end.style.setProperty("left", `${this.share(kept[1] - 1) * 100}%`);
  }

  /** `marks`: [first, last] in frames. */
  marks(marks) {
    this.line.replaceChildren(...marks.map(([first, last]) => {
      const tick = make("i");
      tick.style.setProperty("left", `${this.share(first) * 100}%`);
      tick.style.setProperty("width", `${Math.max(0, this.share(last) - this.share(first)) * 100}%`);
      return tick;
    }));
  }

  /** `spans`: [first, last] in frames that this browser holds: going there needs no waiting. */
  holds(spans) {
    const width = (this.held.width = Math.max(1, Math.round(this.box.clientWidth * devicePixelRatio)));
    const context = this.held.getContext("2d");
    context.fillStyle = getComputedStyle(this.held).color;
    const half = width / Math.max(1, this.frames - 1) / 2;
    for (const [first, last] of spans) context.fillRect(this.share(first) * width - half, 0, Math.max(1, (this.share(last) - this.share(first)) * width + 2 * half), this.held.height);
  }
}
