// Re-order, cut, re-encode, drop frames, videos and images: a sheet each, with what would happen before it does.
import { call } from "../lib/api.js";
import { make, say, show } from "../lib/dom.js";
import { bytes, count as counted, seconds } from "../lib/format.js";
import { complain } from "../lib/toast.js";
import { readReshape } from "./reshape_form.js";
import { follow } from "./transfer.js";

const PAUSE_MS = 400;

export class ReshapeSheet {
  /** `selection.ids`: the selected episodes, where there is a list of them. */
  constructor(dialog, selection = null) {
    Object.assign(this, { dialog, selection, kind: dialog.dataset.reshape, form: dialog.querySelector("form"), asked: 0 });
    this.preview = dialog.querySelector("[data-preview]");
    this.button = this.form.querySelector("button.primary");
    this.form.addEventListener("input", () => this.later());
    this.form.addEventListener("submit", (event) => this.start(event));
  }

  open() {
    const count = this.selection?.ids.length ?? 0;
    say(this.dialog.querySelector("[data-count]"), count);
    const choice = this.form.querySelector("[value=selected]");
    if (choice) {
      choice.disabled = !count;
      if (count) choice.checked = true;
      else if (choice.checked) this.form.querySelector("[name=by]").checked = true;
      show(choice.closest("label"), Boolean(count));
    }
    this.dialog.showModal();
    this.later();
  }

  /** The part of the address that names the change, and what it is asked for; null while something is missing. */
  request() {
    const made = readReshape(this.kind, this.form, this.selection?.ids ?? [], this.dialog.dataset);
    return made && { url: `/api/datasets/${this.dialog.dataset.slug}/${made.name}`, body: made.body };
  }

  /** What would happen is asked once nothing was typed for a moment; an earlier answer that is late is not shown. */
  later() {
    this.button.disabled = true;
    this.asked += 1;
    const asked = this.asked;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(asked), PAUSE_MS);
  }

  async ask(asked) {
    let shown = [];
    let possible = false;
    try {
      const request = this.request();
      if (request) {
        if (!this.preview.childElementCount) this.preview.replaceChildren(make("p", { class: "hint" }, "Looking …"));
        shown = described(await call("POST", `${request.url}/preview`, request.body));
        possible = true;
      }
    } catch (error) {
      shown = [make("p", { class: "note tone-bad" }, error.message)];
    }
    if (asked !== this.asked) return;
    this.preview.replaceChildren(...shown);
    this.button.disabled = !possible;
  }

  async start(event) {
    event.preventDefault();
    if (this.button.disabled) return;
    this.button.disabled = true;
    try {
      const request = this.request();
      follow(await call("POST", request.url, request.body));
      this.dialog.close();
      this.selection?.clear();
    } catch (error) {
      complain(error);
      this.button.disabled = false;
    }
  }
}

function described(answer) {
  const after = [counted(answer.episodes, "episode"), counted(answer.frames, "frame"), `about ${bytes(answer.size_bytes)}`];
  const work = answer.encoded_frames ? `${counted(answer.encoded_frames, "frame")} encoded` : "Nothing is encoded";
  return [
    ...answer.notes.map((note) => make("p", {}, note)),
    make("p", { class: "small dim num" }, make("span", { class: "strong" }, "Afterwards: "), after.join(" · ")),
    make("p", { class: "small dim num" }, `${work} · takes ${answer.seconds < 1 ? "less than a second" : `about ${seconds(answer.seconds)}`}`),
  ];
}

/** The sheets of a dataset's page. */
export function watchReshapes(selection) {
  const found = [...document.querySelectorAll("dialog[data-reshape]")];
  const sheets = new Map(found.map((dialog) => [dialog.id, new ReshapeSheet(dialog, selection)]));
  document.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-reshape-open]");
    if (button) sheets.get(button.dataset.reshapeOpen)?.open();
  });
}
