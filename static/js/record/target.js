// How many episodes are kept of those wanted: a sound and a line when the last one is there, and a target changed at once.
import { call } from "../lib/api.js";
import { complain, toast } from "../lib/toast.js";

export class Target {
  constructor(sound, field) {
    Object.assign(this, { sound, field, last: read(), underWay: Promise.resolve() });
    document.addEventListener("htmx:afterSettle", () => this.look());
    field.addEventListener("change", () => (this.underWay = this.underWay.then(() => this.change())));
  }

  /** Only a keep of the same task towards the same number reaches it: who lowers the target needs no fanfare. */
  look() {
    const [before, now] = [this.last, read()];
    this.last = now;
    if (!before || !now || before.of !== now.of || before.wanted !== now.wanted) return;
    if (before.kept >= now.wanted || now.kept < now.wanted) return;
    this.sound.play("reached");
    toast(`Target reached: ${now.kept} of ${now.wanted} kept. You can record more.`);
  }

  /** The running session has the new target now, not only with its next take. One change is sent after the other. */
  async change() {
    const session = document.getElementById("session")?.dataset.running;
    if (!session || !this.field.checkValidity()) return;
    const target = this.field.value.trim() === "" ? null : Number(this.field.value);
    try {
      await call("PATCH", `/api/sessions/${session}`, { target });
    } catch (error) {
      complain(error);
    }
  }
}

function read() {
  const line = document.getElementById("target");
  return line ? { of: line.dataset.of, kept: Number(line.dataset.kept), wanted: Number(line.dataset.wanted) } : null;
}
