// What keys and pointer do to the subtasks and remarks on screen. `Spans` fetches, shows and keeps them.
import { toast } from "../lib/toast.js";
import { at, begun, moved, put } from "./span_model.js";

export class SpanActs {
  begin() {
    if (!this.editable) return;
    const { wanted, frames } = this.player;
    const span = begun(this.said.subtasks, wanted, frames);
    this.enter(span, { subtasks: put(this.said.subtasks.filter((one) => one !== span), span) });
  }

  remark() {
    if (!this.editable) return;
    const remark = this.said.remarks.find(({ frame }) => frame === this.player.wanted) ?? { frame: this.player.wanted, text: "", role: "user" };
    this.enter(remark, { remarks: [...this.said.remarks.filter((one) => one !== remark), remark] });
  }

  /** It is there as soon as it has words; without any it goes again. */
  enter(one, change) {
    if (this.player.link?.playing) this.player.toggle();
    if (!one.text) this.before = this.said;
    this.writing = one;
    this.said = { ...this.said, ...change };
    this.choose(one);
    this.field.focus();
    this.field.select();
  }

  leaveField() {
    this.field.value = this.chosen?.text ?? "";
    this.field.blur();
  }

  write() {
    const { chosen, field } = this;
    const text = field.value.trim().replace(/\s+/g, " ");
    const fresh = this.writing && !this.writing.text;
    this.writing = null;
    if (!chosen || (!fresh && (!text || text === chosen.text))) return void (document.activeElement === field && field.blur());
    const from = fresh ? this.before : this.said;
    this.before = null;
    if (!text) Object.assign(this, { said: from, chosen: null });
    else this.keep(this.replaced(chosen, { ...chosen, text }), from);
    if (document.activeElement === field) field.blur();
    this.draw();
  }

  replaced(old, now) {
    const key = "end" in now ? "subtasks" : "remarks";
    const others = this.said[key].filter((one) => one !== old);
    this.chosen = now;
    return { [key]: key === "subtasks" ? put(others, now) : [...others, now] };
  }

  /** The chosen one, or the one here, begins or ends at the frame that is shown. */
  move(end) {
    const span = this.chosen && "end" in this.chosen ? this.chosen : at(this.said.subtasks, this.player.wanted);
    if (!this.editable || !span) return;
    const now = moved(span, end, this.player.wanted);
    if (!now) return void toast("A subtask begins before it ends.");
    this.keep(this.replaced(span, now));
  }

  dragged(end, frame, done) {
    if (!this.editable || !("end" in (this.trial?.chosen ?? this.chosen ?? {}))) return;
    this.trial ??= { said: this.said, chosen: this.chosen };
    const { said, chosen } = this.trial;
    const now = frame === null ? null : moved(chosen, end, frame);
    if (now) {
      this.said = { ...said, subtasks: put(said.subtasks.filter((one) => one !== chosen), now) };
      this.chosen = now;
      this.player.seek(frame);
      return void this.draw();
    }
    if (frame !== null) return;
    this.trial = null;
    if (!done) Object.assign(this, { said, chosen });
    else if (this.said !== said) this.keep({}, said);
    this.draw();
  }

  remove() {
    const { chosen } = this;
    if (!this.editable || !chosen) return;
    const without = (all) => all.filter((one) => one !== chosen);
    this.chosen = null;
    const key = "end" in chosen ? "subtasks" : "remarks";
    this.keep({ [key]: without(this.said[key]) });
  }

  step(by) {
    const { subtasks } = this.said;
    const here = this.player.wanted;
    const next = by > 0 ? subtasks.find(({ first }) => first > here) : subtasks.findLast(({ first }) => first < here);
    if (next) this.choose(next, true);
  }
}
