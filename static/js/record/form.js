// What is recorded next: dataset (a new one is made on the spot), task, times.
import { call } from "../lib/api.js";
import { make, show } from "../lib/dom.js";

export class RecordForm {
  constructor(form) {
    this.form = form;
    this.dataset = form.elements.dataset;
    this.title = form.elements.title;
    this.dataset.addEventListener("change", () => {
      this.showNew();
      if (this.dataset.value) this.dataset.blur();
      else this.title.focus();
    });
    // Enter ends the typing, so that the keys of the page live again.
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      document.activeElement?.blur();
    });
    form.addEventListener("keydown", (event) => {
      if (event.key === "Escape") event.target.blur();
      if (event.key === "Enter" && event.target.matches("input")) {
        event.preventDefault();
        event.target.blur();
      }
    });
    this.showNew();
  }

  showNew() {
    show(document.getElementById("new-dataset"), !this.dataset.value);
  }

  /** The body of a record request; throws an Error with words where something is missing, and goes there. */
  async body() {
    const { task, countdown_s, episode_s, reset_s, target } = this.form.elements;
    if (!this.dataset.value && !this.title.value.trim()) this.missing(this.title, "Enter a dataset name first.");
    if (!task.value.trim()) this.missing(task, "Enter a task first: what the robot does in this take.");
    for (const field of [countdown_s, episode_s, reset_s, target]) {
      if (!field.checkValidity()) this.missing(field, `${field.previousElementSibling.textContent}: ${field.validationMessage}`);
    }
    if (!this.dataset.value) await this.make();
    return {
      dataset: this.dataset.value,
      task: task.value.trim(),
      countdown_s: number(countdown_s) ?? 0,
      episode_s: number(episode_s),
      reset_s: number(reset_s),
      target: number(target),
    };
  }

  async make() {
    const { slug, title } = await call("POST", "/api/datasets", { title: this.title.value.trim() });
    const option = make("option", { value: slug }, title);
    this.dataset.prepend(option);
    this.dataset.value = slug;
    this.title.value = "";
    this.showNew();
  }

  missing(field, words) {
    field.focus();
    requestAnimationFrame(() => field.scrollIntoView({ block: "nearest" })); // the words of it make a phone's panel higher
    field.setAttribute("aria-invalid", "true");
    field.addEventListener("input", () => field.removeAttribute("aria-invalid"), { once: true });
    throw new Error(words);
  }
}

const number = (field) => (field.value.trim() === "" ? null : Number(field.value));
