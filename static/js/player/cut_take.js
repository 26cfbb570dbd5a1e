// Cut out the middle of the take on screen: a trim keeps what is before, a second take has what is after.
import { make } from "../lib/dom.js";
import { count, frameRange } from "../lib/format.js";
import { complain, toast } from "../lib/toast.js";
import { change } from "../versions.js";

class CutSheet {
  constructor(dialog, player) {
    Object.assign(this, { dialog, player, form: dialog.querySelector("form"), preview: dialog.querySelector("[data-preview]") });
    this.button = this.form.querySelector("button.primary");
    this.form.addEventListener("input", () => this.look());
    this.form.addEventListener("submit", (event) => this.cut(event));
  }

  /** The frame on screen and half a second around it, inside of what the trim keeps. */
  open() {
    const { episode, trim } = document.getElementById("details").dataset;
    const [first, end] = trim.split(",");
    this.episode = episode;
    this.kept = [Number(first || 0), Number(end || this.player.frames)];
    const [least, most] = [this.kept[0] + 1, this.kept[1] - 2];
    const around = Math.max(1, Math.round(this.player.fps / 2));
    const inside = (frame) => Math.max(least, Math.min(frame, most));
    this.form.elements.first.value = inside(this.player.wanted - around);
    this.form.elements.last.value = inside(this.player.wanted + around);
    this.look();
    this.dialog.showModal();
  }

  /** The frames to cut out as [first, end); null while something is missing or cannot be. */
  chosen() {
    const [first, last] = ["first", "last"].map((name) => this.form.elements[name]).map(({ value }) => (value === "" ? NaN : Number(value)));
    const isInside = Number.isInteger(first) && Number.isInteger(last) && first > this.kept[0] && first <= last && last < this.kept[1] - 1;
    return isInside ? [first, last + 1] : null;
  }

  look() {
    const [begin, end] = this.kept;
    const frames = this.chosen();
    this.button.disabled = !frames;
    const short = make("p", { class: "note tone-bad" }, "The take is too short to be cut in two.");
    const outside = make("p", { class: "note tone-bad" }, `Choose frames from ${begin + 1} up to ${end - 2}. To cut off an end, trim it.`);
    if (!frames) return this.preview.replaceChildren(end - begin < 3 ? short : outside);
    const words = `It keeps ${frameRange(begin, frames[0])}; a new take has ${frameRange(frames[1], end)}. ${count(frames[1] - frames[0], "frame")} cut out.`;
    this.preview.replaceChildren(make("p", {}, words));
  }

  async cut(event) {
    event.preventDefault();
    const frames = this.chosen();
    if (!frames || this.button.disabled) return;
    this.button.disabled = true;
    try {
      const { id, number } = await change("POST", `/api/episodes/${this.episode}/cut`, { first: frames[0], end: frames[1] });
      this.dialog.close();
      toast(`Cut. The rest is take #${number}.`, { undo: true, links: [{ href: `/episodes/${id}/`, words: `Open #${number}` }] });
    } catch (error) {
      complain(error);
      this.button.disabled = false;
    }
  }
}

export function watchCutTake(player) {
  const sheet = new CutSheet(document.getElementById("cut-take-sheet"), player);
  document.addEventListener("click", ({ target }) => target.closest("[data-cut-take]") && sheet.open());
}
