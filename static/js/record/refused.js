// Why a command was not done, for as long as that may be so.
import { make, say, show } from "../lib/dom.js";

const MISMATCH = "This rig doesn't match the dataset: all episodes must have the same features. Choose another dataset or edit the rig file.";
const NOT_YET = "No answer yet. The stop is sent again until the rig has stopped.";
const OF_DEVICES = new Set(["camera_missing", "disk_full", "offline"]); // cured as soon as the rig can record

export class Refused {
  constructor(form) {
    this.refusal = null;
    document.getElementById("refusal-close").addEventListener("click", () => this.forgive());
    // What is changed in the form may be what was wrong.
    for (const change of ["input", "change"]) form.addEventListener(change, () => this.forgive());
  }

  /** `state` is the rig's; `isRepeated`: the command is sent again. */
  show(error, command, state, isRepeated) {
    const box = document.getElementById("differences");
    const table = box.querySelector("table");
    const rows = error.detail?.differences ?? [];
    const cells = (tag, values) => make("tr", {}, ...values.map((value) => make(tag, {}, ...breakable(worded(value)))));
    table.querySelectorAll("tr").forEach((row) => row.remove());
    if (rows.length) table.append(cells("th", ["What", "This rig", "The dataset"]), ...rows.map((row) => cells("td", [row.what, row.rig, row.dataset])));
    // The table says better what the message lists.
    say(document.getElementById("refusal-words"), rows.length ? MISMATCH : isRepeated ? NOT_YET : error.message);
    show(box, rows.length > 0);
    say(document.getElementById("refusal-title"), command === "record" ? "Can't record" : "Not done");
    this.refusal = { code: error.code, state };
    show(document.getElementById("refusal"), true);
  }

  forgive() {
    this.refusal = null;
    show(document.getElementById("refusal"), false);
  }

  /** A refusal leaves with its cause: the rig changed its state, or what was missing is back. */
  cured(before, status) {
    if (!this.refusal) return;
    const isOther = status.state !== this.refusal.state && status.state !== "lost";
    const isFree = Boolean(before.blockers?.length) && !status.blockers?.length;
    const isBack = this.refusal.code === "lost" && before.state === "lost" && status.state !== "lost";
    if (isOther || isFree || isBack || (OF_DEVICES.has(this.refusal.code) && status.can_record)) this.forgive();
  }
}

const worded = (value) => (value === null || value === undefined ? "–" : typeof value === "object" ? JSON.stringify(value) : String(value));

/** Names are longer than a column: they break between their words. */
const breakable = (text) => text.split(/(?<=[._])/).flatMap((part) => [part, make("wbr")]);
