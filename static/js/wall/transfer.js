// Copy or move what is selected, split, merge, duplicate, change features: a sheet each, with what would happen before it does.
import { whenOver } from "../ends.js";
import { call } from "../lib/api.js";
import { make, say, show } from "../lib/dom.js";
import { bytes, count, seconds } from "../lib/format.js";
import { complain, toast, undoOperation } from "../lib/toast.js";
import { ringTopics } from "../live.js";
import { describedChange, fillFeatures, showFeatureFields } from "./features_form.js";
import { readBody } from "./transfer_form.js";

const PAUSE_MS = 350;
const episodes = (n) => count(n, "episode");
const VERBS = { copy: "Copying", move: "Moving", split: "Splitting", merge: "Merging", duplicate: "Duplicating", features: "Changing features" };
const ENDED = { copy: "Copied", move: "Moved", split: "Split", merge: "Merged", duplicate: "Duplicated", features: "Features changed" };
Object.assign(VERBS, { reorder: "Re-ordering", cut: "Cutting", reencode: "Re-encoding", drop_frames: "Dropping frames", to_videos: "Encoding videos", to_images: "Writing images" });
Object.assign(ENDED, { reorder: "Re-ordered", cut: "Cut", reencode: "Re-encoded", drop_frames: "Frames dropped", to_videos: "Videos encoded", to_images: "Images written" });

class Sheet {
  constructor(dialog, selection) {
    Object.assign(this, { dialog, selection, kind: dialog.dataset.transfer, form: dialog.querySelector("form"), asked: 0 });
    this.preview = dialog.querySelector("[data-preview]");
    this.button = this.form.querySelector("button.primary");
    this.url = `/api/datasets/${dialog.dataset.slug}/${this.kind}`;
    this.form.addEventListener("input", () => this.later());
    this.form.addEventListener("submit", (event) => this.start(event));
    dialog.querySelector("[data-more-parts]")?.addEventListener("click", () => this.addPart());
  }

  async open() {
    this.dialog.showModal();
    say(this.dialog.querySelector("[data-count]"), episodes(this.selection.ids.length));
    try {
      if (this.dialog.querySelector("[data-datasets], [data-others]")) await this.listDatasets();
      if (this.kind === "features") await fillFeatures(this.form);
      this.later();
    } catch (error) {
      complain(error);
    }
  }

  async listDatasets() {
    const { items } = await call("GET", "/api/datasets?limit=500");
    const others = items.filter(({ slug, total_episodes: count }) => slug !== this.dialog.dataset.slug && (count || this.kind === "copy"));
    const select = this.dialog.querySelector("[data-datasets]");
    if (select) {
      const chosen = select.value;
      select.replaceChildren(select.options[0], ...others.map(({ slug, title, total_episodes: count }) => make("option", { value: slug }, `${title} (${episodes(count)})`)));
      select.value = others.some(({ slug }) => slug === chosen) ? chosen : "";
      return;
    }
    const box = this.dialog.querySelector("[data-others]");
    const chosen = new Set([...box.querySelectorAll("input:checked")].map((input) => input.value));
    box.replaceChildren(
      box.querySelector("legend"),
      ...others.map(({ slug, title, total_episodes: count }) => {
        const input = make("input", { type: "checkbox", name: "others", value: slug });
        input.checked = chosen.has(slug);
        return make("label", { class: "check" }, input, `${title} · ${episodes(count)}`);
      }),
      ...(others.length ? [] : [make("p", { class: "hint" }, "There is no other dataset with episodes.")]),
    );
  }

  addPart() {
    const parts = [...this.form.querySelectorAll(".split-part")];
    const part = parts.at(-1).cloneNode(true);
    part.querySelectorAll("input").forEach((input) => (input.value = ""));
    parts.at(-1).after(part);
    part.querySelector("input").focus();
    this.later();
  }

  body() {
    return readBody(this.kind, this.form, this.selection.ids);
  }

  /** What would happen is asked once nothing was typed for a moment; an earlier answer that is late is not shown. */
  later() {
    show(this.form.querySelector("[data-new]"), !this.form.elements.to?.value);
    if (this.kind === "copy") show(this.form.querySelector("[data-maps]"), Boolean(this.form.elements.to.value));
    show(this.form.querySelector("[data-shares]"), this.form.elements.by?.value === "share");
    show(this.form.querySelector("[data-filtered]"), this.form.elements.by?.value === "filter");
    if (this.kind === "copy") say(this.button, this.form.elements.how.value === "move" ? "Move" : "Copy");
    if (this.kind === "features") showFeatureFields(this.form);
    if (!this.preview) return;
    this.button.disabled = true;
    clearTimeout(this.timer);
    this.asked += 1;
    const asked = this.asked;
    this.timer = setTimeout(() => this.ask(asked), PAUSE_MS);
  }

  async ask(asked) {
    let shown = [];
    let possible = false;
    try {
      const body = this.body();
      const answers = body ? [await call("POST", `${this.url}/preview`, body)].flat() : [];
      shown = answers.flatMap((answer) => described(answer, answers.length > 1));
      possible = answers.length > 0 && answers.every((answer) => !answer.differing?.length && !answer.problem);
    } catch (error) {
      shown = [make("p", { class: "note tone-bad" }, error.message)];
    }
    if (asked !== this.asked) return;
    this.preview.replaceChildren(...shown);
    this.button.disabled = !possible;
  }

  async start(event) {
    event.preventDefault();
    const body = this.body();
    if (!body || this.button.disabled) return;
    this.button.disabled = true;
    try {
      const operation = await call("POST", this.url, body);
      this.dialog.close();
      follow(operation);
      if (this.kind === "copy") this.selection.clear();
    } catch (error) {
      complain(error);
    } finally {
      this.button.disabled = false;
    }
  }
}

/** Say that an operation has begun, and when it has ended; then it can be undone. */
export function follow(operation) {
  toast(`${VERBS[operation.type]} …`);
  ringTopics(["operations", "new-operation"]);
  whenOver(operation.id, (state) => ended(operation, state));
}

async function ended({ id, type }, state) {
  if (state !== "done") return; // its line on the page says why, and has the buttons
  try {
    const { made } = await call("GET", `/api/operations/${id}`);
    const links = made.slice(0, 3).map(({ slug, title }) => ({ href: `/datasets/${encodeURIComponent(slug)}/`, words: title }));
    toast(`${ENDED[type]}.`, { undo: () => undo(id), links });
  } catch (error) {
    complain(error);
  }
}

async function undo(id) {
  if (!(await undoOperation(id))) return;
  toast("Undoing it …");
  ringTopics(["operations", "new-operation"]);
}

/** The counts of what would be made, what prevents it and what is only worth knowing. */
function described(answer, named) {
  if (answer.removed) return describedChange(answer);
  const counts = [episodes(answer.episodes), count(answer.frames, "frame"), seconds(answer.seconds), bytes(answer.size_bytes)];
  const lines = [make("p", {}, named ? make("span", { class: "strong" }, `${answer.title}: `) : null, counts.join(" · "))];
  if (answer.differing.length) {
    lines.push(make("p", { class: "note tone-bad" }, "They do not fit together. Map names that mean the same below, or choose another dataset."));
    lines.push(table(answer.differing));
  }
  if (answer.notes.length) lines.push(make("p", { class: "hint" }, "Differs, and does not matter:"), table(answer.notes));
  if (answer.emptied) lines.push(make("p", { class: "note tone-wait" }, answer.emptied));
  if (answer.new_tasks.length && !named) lines.push(make("p", { class: "hint" }, `Tasks it brings: ${answer.new_tasks.slice(0, 8).join(", ")}${answer.new_tasks.length > 8 ? " …" : ""}`));
  return lines;
}

function table(found) {
  const head = make("tr", {}, ...["What", "Theirs", "Ours"].map((word) => make("th", { scope: "col" }, word)));
  const rows = found.map(({ dataset, what, there, here }) => make("tr", {}, make("td", {}, what), make("td", { title: dataset }, there), make("td", {}, here)));
  return make("div", { class: "scroll-x" }, make("table", { class: "table" }, make("thead", {}, head), make("tbody", {}, ...rows)));
}

export function watchTransfers(selection) {
  const sheets = new Map([...document.querySelectorAll("dialog[data-transfer]")].map((dialog) => [dialog.id, new Sheet(dialog, selection)]));
  document.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-transfer-open]");
    if (button) sheets.get(button.dataset.transferOpen)?.open();
  });
}
