// E, and typing at once: what is typed is of the take that is shown, though its form is still on its way.
import { isBrowsers } from "../lib/keys.js";

export class Typing {
  constructor(review) {
    Object.assign(this, { review, typed: null });
    // Before the page's keys: a letter that is meant for the field decides nothing.
    document.addEventListener("keydown", (event) => this.hold(event), true);
  }

  begin() {
    if (this.typed !== null) return;
    this.typed = "";
    this.review.then(() => this.hand()).finally(() => (this.typed = null));
  }

  hold(event) {
    if (this.typed === null || isBrowsers(event)) return;
    const { key } = event;
    if (key.length > 1 && !["Backspace", "Enter", "Escape"].includes(key)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (key === "Escape") this.typed = null;
    else if (key === "Backspace") this.typed = this.typed.slice(0, -1);
    else if (key !== "Enter") this.typed += key;
  }

  /** Into the task's field, in place of its text. */
  hand() {
    const field = document.getElementById("edit-task");
    const { typed } = this;
    this.typed = null;
    if (!field || typed === null) return;
    field.focus();
    field.select();
    if (!typed) return;
    field.setRangeText(typed, 0, field.value.length, "end");
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
}
