// The line under the bar: two grips, where the take begins and where it ends. What is let go is kept.
import { clock } from "../lib/format.js";

const STEPS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 };
const OURS = [...Object.keys(STEPS), "Home", "End"];
// Arrow after arrow is one trim, once the hand rests or something else is pressed.
const RESTS_MS = 600;

export class Trim {
  /** `on`: { moved(kept, frame), kept(kept), drag(is) }; `kept` is [first, end) in frames. */
  constructor(box, on) {
    const [first, last] = box.querySelectorAll("input");
    Object.assign(this, { box, on, first, last, line: box.querySelector(".kept"), frames: 0, fps: 30, dragged: false, timer: 0 });
    for (const grip of [first, last]) {
      grip.addEventListener("pointerdown", () => this.drag(true));
      for (const end of ["pointerup", "pointercancel"]) grip.addEventListener(end, () => this.drag(false));
      grip.addEventListener("input", () => this.moved(grip));
      grip.addEventListener("keydown", (event) => this.key(event, grip));
      grip.addEventListener("blur", () => this.keep());
    }
    window.addEventListener("pagehide", () => this.keep());
  }

  /** `kept`: [first, end) or null for all of it; nothing can be moved where it cannot be changed. */
  show(kept, { frames, fps }, editable) {
    if (this.dragged || this.timer) return;
    Object.assign(this, { frames, fps });
    const [first, end] = kept ?? [0, frames];
    for (const grip of [this.first, this.last]) {
      grip.max = String(Math.max(0, frames - 1));
      grip.disabled = !editable || frames < 2;
    }
    this.put(first, end - 1);
  }

  /** The take is left: what is being dragged is of no take any more. */
  close() {
    clearTimeout(this.timer);
    this.drag(false, false);
    Object.assign(this, { timer: 0, unkept: false });
    for (const grip of [this.first, this.last]) grip.disabled = true;
  }

  put(first, last) {
    const most = Math.max(1, this.frames - 1);
    this.first.value = String(first);
    this.last.value = String(last);
    this.first.setAttribute("aria-valuetext", `frame ${first}, ${clock(first / this.fps)}`);
    this.last.setAttribute("aria-valuetext", `frame ${last}, ${clock(last / this.fps)}`);
    this.line.style.setProperty("left", `${(first / most) * 100}%`);
    this.line.style.setProperty("right", `${(1 - last / most) * 100}%`);
    this.box.classList.toggle("is-cut", first > 0 || last < this.frames - 1);
  }

  get kept() {
    return [Number(this.first.value), Number(this.last.value) + 1];
  }

  moved(grip) {
    const [first, last] = [Number(this.first.value), Number(this.last.value)];
    if (grip === this.first) this.put(Math.min(first, last), last);
    else this.put(first, Math.max(first, last));
    this.unkept = true;
    this.on.moved(this.kept, Number(grip.value));
  }

  drag(is, keeps = true) {
    if (is === this.dragged) return;
    this.dragged = is;
    this.on.drag(is);
    if (!is && keeps) this.keep();
  }

  key(event, grip) {
    if (!OURS.includes(event.key)) {
      this.keep();
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    const by = (STEPS[event.key] ?? 0) * (event.shiftKey ? 10 : event.ctrlKey ? 5 : 1);
    grip.value = event.key === "Home" ? "0" : event.key === "End" ? grip.max : String(Number(grip.value) + by);
    this.moved(grip);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.keep(), RESTS_MS);
  }

  /** Report once what was moved. */
  keep() {
    clearTimeout(this.timer);
    this.timer = 0;
    if (!this.unkept) return;
    this.unkept = false;
    this.on.kept(this.kept);
  }
}
