// The lane under the bar: a block for each subtask, a mark for each remark and for what other programs say.
import { make, show } from "../lib/dom.js";
import { frameRange } from "../lib/format.js";
import { tones } from "./span_model.js";

export class Lane {
  /** `on`: { chosen(kind, item), moved(end, frame, done) } */
  constructor(box, on) {
    Object.assign(this, { box, on, frames: 1, blocks: box.querySelector(".blocks"), dots: box.querySelector(".dots") });
    this.blocks.addEventListener("pointerdown", (event) => this.drag(event));
    box.addEventListener("click", ({ target }) => {
      const item = target.closest("button")?.item;
      if (item) on.chosen(item.kind, item);
    });
  }

  share(frame) {
    return this.frames > 1 ? (Math.min(frame, this.frames - 1) / (this.frames - 1)) * 100 : 0;
  }

  /** `said`: { subtasks, remarks, others } in frames; `chosen` is one of them. */
  draw(said, chosen, frames) {
    this.frames = frames;
    this.tones = tones(said.subtasks);
    this.blocks.replaceChildren(...said.subtasks.map((span) => this.block(span, span === chosen)));
    this.dots.replaceChildren(
      ...said.remarks.map((remark) => this.dot({ kind: "remark", ...remark }, remark, remark === chosen, `“${remark.text}”`)),
      ...said.others.map((other) => this.dot({ kind: "other", ...other }, other, false, `${other.style}${other.role ? ` (${other.role})` : ""}: ${other.text}`)),
    );
    show(this.dots, Boolean(this.dots.childElementCount));
  }

  block(span, chosen) {
    const words = span.text || "What is done?";
    const attributes = { class: `span tone-${this.tones.get(span.text)}${span.text ? "" : " is-new"}`, type: "button", title: `${words} (${frameRange(span.first, span.end)})`, "aria-pressed": String(chosen), "data-keys-through": true };
    const block = make("button", attributes, make("span", {}, words));
    block.item = { kind: "subtask", one: span };
    this.place(block, this.share(span.first), this.share(span.end) - this.share(span.first));
    if (chosen) for (const end of ["first", "end"]) block.append(make("i", { "data-end": end }));
    return block;
  }

  dot(item, one, chosen, words) {
    const dot = make("button", { class: `dot is-${item.kind}`, type: "button", title: `${words} (frame ${one.frame})`, "aria-label": `${words}, frame ${one.frame}`, "aria-pressed": String(chosen), "data-keys-through": true });
    dot.item = { kind: item.kind, one };
    this.place(dot, this.share(one.frame));
    return dot;
  }

  place(element, left, width) {
    element.style.setProperty("left", `${left}%`);
    if (width !== undefined) element.style.setProperty("width", `${width}%`);
  }

  /** One end of the chosen block follows the pointer; it is kept when it is let go. */
  drag(event) {
    const { end } = event.target.dataset;
    if (!end || event.button > 0) return;
    event.preventDefault();
    const box = this.blocks.getBoundingClientRect();
    const frame = ({ clientX }) => Math.round(Math.min(1, Math.max(0, (clientX - box.left) / box.width)) * (this.frames - 1));
    const follow = (now) => this.on.moved(end, frame(now) - (end === "end" && frame(now) < this.frames - 1 ? 1 : 0), false);
    const stop = (now) => {
      window.removeEventListener("pointermove", follow);
      for (const name of ["pointerup", "pointercancel"]) window.removeEventListener(name, stop);
      this.on.moved(end, null, now.type === "pointerup");
    };
    window.addEventListener("pointermove", follow);
    for (const name of ["pointerup", "pointercancel"]) window.addEventListener(name, stop);
  }
}
