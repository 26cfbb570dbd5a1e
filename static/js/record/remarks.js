// How a take went, and a note: of the one that runs, or of the one that ended last until the next begins. Nothing stops.
import { call } from "../lib/api.js";
import { say, show } from "../lib/dom.js";
import { complain, toast } from "../lib/toast.js";

const WAITS_MS = 3000;
const MARKED = { success: "Marked as success.", failure: "Marked as failure." };

export class Remarks {
  constructor(desk) {
    this.api = desk.dataset.api;
    this.box = document.getElementById("remarks");
    this.buttons = [...this.box.querySelectorAll("[data-outcome]")];
    this.opener = document.getElementById("note-open");
    this.form = document.getElementById("note-form");
    this.field = document.getElementById("note");
    this.take = null; // { id, runs, outcome, note } of the take that is meant now
    this.underWay = Promise.resolve();
    this.waiting = 0; // presses that are not answered yet
    this.pressed = null; // { id, outcome, at } that is not shown by rig or card yet
    this.noted = null; // the take whose note is being typed
    for (const button of this.buttons) button.addEventListener("click", () => this.mark(button.dataset.outcome));
    this.opener.addEventListener("click", () => (this.noted ? this.leave() : this.note()));
    document.getElementById("note-leave").addEventListener("click", () => this.leave());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.save();
    });
    this.field.addEventListener("keydown", (event) => this.typed(event));
  }

  show(status) {
    const online = status.online !== false && status.state !== "offline";
    this.take = online ? meant(status) : null;
    const { id = "", runs = false } = this.take ?? {};
    const shown = this.outcome();
    for (const button of this.buttons) {
      button.disabled = !id;
      button.setAttribute("aria-pressed", String(shown === button.dataset.outcome));
    }
    this.opener.disabled = !id && !this.noted;
    this.box.setAttribute("aria-label", runs ? "This take" : "The last take");
    if (this.noted) this.name(id, runs);
  }

  /** How the take went: what was pressed last, until rig or card says the same, or does not for a while. */
  outcome() {
    const { id = "", outcome = "" } = this.take ?? {};
    const { pressed } = this;
    const waits = pressed?.id === id && pressed.outcome !== outcome && (this.waiting > 0 || performance.now() - pressed.at < WAITS_MS);
    if (!waits) this.pressed = null;
    return waits ? pressed.outcome : outcome;
  }

  /** A second press takes the mark back. Presses are sent one after the other; the last one counts. */
  mark(outcome) {
    const { take } = this;
    if (!take) return;
    const now = this.outcome() === outcome ? "" : outcome;
    const pressed = { id: take.id, outcome: now, at: performance.now() };
    Object.assign(this, { pressed, waiting: this.waiting + 1 });
    for (const button of this.buttons) button.setAttribute("aria-pressed", String(now === button.dataset.outcome));
    this.underWay = this.underWay.then(() => this.sendMark(pressed));
  }

  async sendMark(pressed) {
    const { id, outcome } = pressed;
    const isOutdated = this.pressed !== pressed && this.pressed?.id === id;
    try {
      const { durable } = isOutdated ? {} : await this.send(id, { outcome: outcome || null });
      if (durable) toast(MARKED[outcome] ?? "Mark removed.", { undo: true });
    } catch (error) {
      if (this.pressed === pressed) this.pressed = null;
      complain(error);
    } finally {
      this.waiting--;
    }
  }

  note() {
    if (!this.take || this.noted) return;
    this.noted = this.take.id;
    this.field.value = this.take.note;
    this.name(this.take.id, this.take.runs);
    this.open(true);
    this.field.focus();
    this.field.setSelectionRange(this.field.value.length, this.field.value.length);
  }

  name(id, runs) {
    const words = id !== this.noted ? "Note on an earlier take" : runs ? "Note on this take" : "Note on the last take";
    say(document.getElementById("note-of"), words);
  }

  typed(event) {
    if (event.isComposing) return;
    if (event.key === "Escape") this.leave();
    else if (event.key === "Enter" && !event.shiftKey) this.save();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  leave() {
    this.noted = null;
    this.open(false);
    this.field.blur();
  }

  open(isOpen) {
    show(this.form, isOpen);
    this.opener.setAttribute("aria-expanded", String(isOpen));
  }

  /** What is typed stays where it could not be saved. */
  async save() {
    const [id, note] = [this.noted, this.field.value.trim()];
    this.field.readOnly = true;
    try {
      const { durable } = await this.send(id, { note });
      toast("Note saved.", { undo: durable });
      this.leave();
    } catch (error) {
      complain(error);
    } finally {
      this.field.readOnly = false;
    }
  }

  send(take, fields) {
    return call("PATCH", `${this.api}/takes/${take}`, fields);
  }
}

/** The take that runs, as its rig tells it; else the one that ended last, as its card does. */
function meant({ take, last_take: last }) {
  if (take) return { id: take.id, runs: true, outcome: take.outcome ?? "", note: take.note ?? "" };
  if (!last) return null;
  const { outcome = "", note = "" } = document.getElementById(`take-${last.id}`)?.dataset ?? {};
  return { id: last.id, runs: false, outcome, note };
}
