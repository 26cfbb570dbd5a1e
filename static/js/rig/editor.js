// The text of the rig file, with the numbers of its lines and its errors at their lines.
import { make, say, show } from "../lib/dom.js";

export class Editor {
  constructor(typed) {
    this.box = document.getElementById("text");
    this.gutter = document.getElementById("gutter");
    this.errors = document.getElementById("text-errors");
    this.lost = document.getElementById("text-lost");
    this.box.addEventListener("input", () => {
      this.number();
      typed(this.box.value);
    });
    this.box.addEventListener("scroll", () => {
      this.gutter.scrollTop = this.box.scrollTop;
    });
  }

  /** Nobody types before what there is has been read: it would be lost. */
  open() {
    this.box.readOnly = false;
  }

  draw(draft) {
    if (this.box.value !== draft.text) this.box.value = draft.text;
    // Nobody has done anything wrong in a file that nobody has begun to fill in.
    const errors = draft.dirty || !draft.isToml ? draft.errors : [];
    this.wrong = new Set(errors.map(({ line }) => line));
    this.number();
    this.errors.replaceChildren(...errors.map((error) => this.line(error, draft.isToml)));
    this.box.setAttribute("aria-invalid", String(errors.length > 0));
    show(document.getElementById("unreadable"), !draft.isToml);
    show(this.lost, draft.lost.length > 0);
    if (draft.lost.length) say(this.lost, `Removed with what it stood beside: ${draft.lost.join("  ")}`);
  }

  number() {
    const count = this.box.value.split("\n").length;
    const numbers = Array.from({ length: count }, (_, at) => make("span", { class: this.wrong?.has(at + 1) ? "is-wrong" : null }, `${at + 1}\n`));
    this.gutter.replaceChildren(...numbers);
    this.gutter.scrollTop = this.box.scrollTop;
  }

  line({ line, key, message }, isToml) {
    const where = [line ? `Line ${line}` : "", key].filter(Boolean).join(", ");
    const words = make("span", {}, isToml ? message : `${message}. The form follows again once this is right.`);
    const box = make("p", { class: "small text-error tone-bad" }, where ? this.place(line, where) : null, " ", words);
    return box;
  }

  place(line, where) {
    if (!line) return make("b", { class: "words-tone" }, where);
    const button = make("button", { class: "link words-tone", type: "button" }, where);
    button.addEventListener("click", () => this.select(line));
    return button;
  }

  /** Select a line, which counts from 1. */
  select(line) {
    const lines = this.box.value.split("\n");
    const from = lines.slice(0, line - 1).reduce((length, each) => length + each.length + 1, 0);
    this.box.focus();
    this.box.setSelectionRange(from, from + (lines[line - 1] ?? "").length);
  }
}
