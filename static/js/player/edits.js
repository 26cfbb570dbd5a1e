// What is said of the take that is shown: trim, rating, labels, and the form that must not be fetched away.
import { act } from "../actions.js";
import { bodyOf } from "../lib/api.js";
import { frameRange } from "../lib/format.js";
import { complain, toast } from "../lib/toast.js";
import { ring } from "../live.js";
import { Trim } from "./trim.js";

const details = () => document.getElementById("details");

export class Edits {
  constructor(review) {
    Object.assign(this, { review, player: review.player, typed: 0, sent: 0, old: false });
    this.grips = new Trim(document.getElementById("trim"), {
      drag: (is) => this.player.drag(is),
      moved: (kept, frame) => {
        this.player.seek(frame);
        this.player.scrub.at(frame);
        this.player.scrub.cut(kept);
      },
      kept: (kept) => this.ofShown(() => this.keep(...kept)),
    });
    document.addEventListener("input", ({ target }) => {
      if (target.closest("#edit")) this.typed += 1;
    });
    document.addEventListener("submit", ({ target }) => {
      if (target.id === "edit") target.dataset.typed = this.typed;
    });
    document.addEventListener("done", ({ target }) => {
      if (target.id !== "edit") return;
      this.sent = Number(target.dataset.typed);
      ring(details());
    });
    // What is typed and not saved is never fetched away, neither by a request of now nor by an earlier one; and
    // the form of a take that is left gets no successor but that of the next one.
    const keep = (event) => {
      if (event.detail.elt !== details() || !(this.dirty || this.left)) return;
      event.preventDefault();
    };
    document.addEventListener("htmx:beforeRequest", keep);
    document.addEventListener("htmx:beforeSwap", keep);
  }

  get dirty() {
    return this.typed !== this.sent;
  }

  get left() {
    return Boolean(document.getElementById("edit")?.inert);
  }

  /** The form is another one now. */
  fresh() {
    this.sent = this.typed;
  }

  /** Save edits when the reviewer moves on without pressing Save; the form of a take that is left accepts no more. */
  async leave() {
    const form = document.getElementById("edit");
    form?.toggleAttribute("inert", true);
    this.grips.close();
    this.review.spans?.leave();
    if (!this.dirty || !form?.reportValidity()) return;
    form.dataset.typed = this.typed;
    this.fresh();
    await act(form, bodyOf(form));
  }

  /** What was said of frames that are on screen no more is not meant for those that come. */
  leaveFrames() {
    this.grips.close();
    this.old = true;
  }

  /** It is not left after all. */
  reopen(error) {
    document.getElementById("edit")?.toggleAttribute("inert", false);
    if (details().dataset.episode === this.player.episode) this.showCut();
    ring(details()); // it may have moved while it was left
    complain(error);
  }

  clicked(button) {
    const { trim, seekTick, rating, label } = button.dataset;
    if (trim) this.cut(trim, button.dataset);
    else if (rating) this.rate(button);
    else if (label) this.addLabel(button);
    else if (seekTick !== undefined) this.player.seek(Number(seekTick) - this.player.firstTick);
  }

  /** The timeline shows the kept range and the issues. */
  show() {
    const { firstTick, frames, scrub } = this.player;
    this.old &&= !this.player.about;
    this.showCut();
    this.review.spans?.read();
    scrub.marks([...document.querySelectorAll("[data-seek-tick]")].map(({ dataset }) => {
      const first = Math.max(0, Number(dataset.seekTick) - firstTick);
      return [first, Math.min(frames - 1, dataset.untilTick ? Number(dataset.untilTick) - firstTick : first)];
    }));
  }

  showCut() {
    this.player.scrub.cut(this.kept());
    this.grips.show(this.kept(), this.player, Boolean(details().dataset.editable));
  }

  /** What is kept, as [first, end) in frames, or null. */
  kept() {
    const [first, end] = details().dataset.trim.split(",");
    if (!first && !end) return null;
    const { firstTick, frames } = this.player;
    return [Math.max(0, Number(first || 0) - firstTick), end ? Math.min(frames, Number(end) - firstTick) : frames];
  }

  rate(button) {
    const rating = button.getAttribute("aria-pressed") === "true" ? null : Number(button.dataset.rating);
    for (const one of document.querySelectorAll("[data-rating]")) one.setAttribute("aria-pressed", String(Number(one.dataset.rating) === rating));
    this.review.send({ rating }, () => toast(rating ? `Rated ${rating} of 5.` : "Rating cleared.", { undo: true }));
  }

  /** One press is saved at once; what else is typed into the form stays there until it is saved. */
  addLabel(button, instead = "") {
    const { label } = button.dataset;
    const field = document.getElementById("edit-labels");
    const had = field.value.split(",").map((word) => word.trim()).filter(Boolean);
    const labels = had.includes(label) ? had.filter((word) => word !== label) : [...had.filter((word) => word !== instead), label];
    field.value = labels.join(", ");
    for (const one of document.querySelectorAll("#edit [data-label]")) one.setAttribute("aria-pressed", String(labels.includes(one.dataset.label)));
    this.review.send({ labels }, () => toast(labels.includes(label) ? `Labelled ${label}.` : `Label ${label} removed.`, { undo: true }), false);
  }

  /** By key: how it went, the one or the other. */
  outcome(label) {
    this.ofShown(() => {
      const button = document.querySelector(`#edit [data-label="${label}"]`);
      if (button) this.addLabel(button, label === "success" ? "failure" : "success");
    });
  }

  /** Cut off what stands still, where something does. */
  cutIdle() {
    const button = document.querySelector('#details [data-trim="suggested"]');
    if (button) this.cut("suggested", button.dataset);
    else toast("No idle ends to trim.");
  }

  cut(what, told = {}) {
    const { wanted } = this.player;
    this.ofShown(() => this.trim(what, wanted, told));
  }

  /** What is done to the take on screen waits for its words, and is done to no other. */
  ofShown(act) {
    const { episode } = this.player;
    this.review.then(() => (details().dataset.episode === episode ? act() : undefined));
  }

  trim(what, wanted, told) {
    const { firstTick, frames } = this.player;
    let [first, end] = this.kept() ?? [0, frames];
    if (what === "first") first = wanted;
    if (what === "end") end = wanted + 1;
    if (what === "suggested") [first, end] = [Number(told.first) - firstTick, Number(told.end) - firstTick];
    if (first >= end) [first, end] = what === "first" ? [first, frames] : [0, end];
    if (what === "none") [first, end] = [0, frames];
    this.keep(first, end);
  }

  /** From frame `first` on, up to `end`. */
  keep(first, end) {
    if (!details().dataset.editable || this.old) return;
    const { firstTick, frames } = this.player;
    const whole = first <= 0 && end >= frames;
    const trim = whole ? null : [first + firstTick, end + firstTick];
    // The next press counts on it before the answer is here.
    details().dataset.trim = trim ? trim.join(",") : ",";
    this.showCut();
    this.review.send({ trim }, () => toast(whole ? "Trim cleared." : `Keeps ${frameRange(first, end)}.`, { undo: true }));
  }
}
