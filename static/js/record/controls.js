// The buttons. What may be pressed is what the rig said last, never what we think.
import { call } from "../lib/api.js";
import { make, say, show } from "../lib/dom.js";
import { keys } from "../lib/keys.js";
import { showChip } from "../live.js";
import { Again } from "./again.js";

const BIG = {
  record: "Record",
  stop: "Stop and save",
  finish_reset: "Start next take",
  resume: "Resume",
  cancel: "Cancel",
  clear_error: "Clear the error",
  follow: "Let the teleoperator drive",
};
const STOP_REPLAY = "Stop replay";
const ASKED = { record: "Starting …", stop: "Stopping …", rerecord: "Starting again …" };
// The second press of somebody who stops a replay in a hurry must not move the robot again.
const STOPPED_MS = 1500;
const MISMATCH = "This rig doesn't match the dataset: all episodes must have the same features. Choose another dataset or edit the rig file.";
const OF_DEVICES = new Set(["camera_missing", "disk_full", "offline"]); // cured as soon as the rig can record
const OF_A_TAKE = new Set(["stop", "discard", "rerecord"]);

export class Controls {
  constructor(desk, form) {
    this.api = desk.dataset.api;
    this.form = form;
    this.again = new Again();
    this.status = { state: desk.dataset.state, controls: [] };
    this.panel = desk.querySelector(".control");
    this.big = document.getElementById("big");
    this.chip = document.getElementById("state");
    this.states = JSON.parse(document.getElementById("rig-states").textContent);
    this.states.lost = { waiting: "Connection lost" };
    this.busy = ""; // the command that waits for its answer
    this.big.addEventListener("click", () => this.press(this.big.dataset.does));
    for (const button of this.panel.querySelectorAll("[data-command]")) {
      button.addEventListener("click", () => this.press(button.dataset.command));
    }
    // A press with the pointer leaves no focus behind: Space must stay the key of recording.
    desk.addEventListener("click", (event) => {
      if (event.detail > 0) event.target.closest("button")?.blur();
    });
    document.getElementById("refusal-close").addEventListener("click", () => this.forgive());
    // What is changed in the form may be what was wrong.
    for (const change of ["input", "change"]) form.form.addEventListener(change, () => this.forgive());
  }

  keys(others) {
    keys({
      " ": () => (["record", "stop"].includes(this.big.dataset.does) || this.status.state === "replaying") && this.press(this.big.dataset.does),
      Backspace: () => this.press("rerecord"),
      Enter: () => this.press("finish_reset"),
      Escape: () => this.press("cancel"),
      p: () => this.press(this.may("resume") ? "resume" : "pause"),
      ...others,
    });
  }

  may(command) {
    if (command === "rerecord" && !this.meant(command)) return false;
    return (this.status.controls ?? []).includes(command);
  }

  /** The take that a command is about; the one that has ended last is recorded again only in its session. */
  meant(command) {
    const { take, last_take: last } = this.status;
    if (take || command !== "rerecord") return take?.id;
    return last && document.getElementById("session")?.dataset.running === last.session ? last.id : undefined;
  }

  show(status) {
    this.cured(this.status, status);
    this.status = status;
    const { state, blockers = [] } = status;
    if (state === "replaying") this.replayedAt = performance.now();
    const does = [this.states[state]?.command, "record"].find((command) => this.may(command)) ?? "";
    this.panel.dataset.state = state;
    showChip(this.chip, status.label ?? state, status.tone, this.chip.querySelector("[data-state-words]"));
    this.big.dataset.does = does;
    this.big.dataset.blocked = blockers.length ? "yes" : "";
    const isHasty = does === "follow" && performance.now() - (this.replayedAt ?? -STOPPED_MS) < STOPPED_MS;
    this.big.disabled = !does || Boolean(this.busy) || isHasty || (does === "record" && blockers.length > 0);
    say(document.getElementById("big-words"), this.words(does));
    show(this.big.querySelector("kbd"), does === "stop" || state === "replaying" || (does === "record" && !blockers.length));
    this.block(status);
    for (const button of this.panel.querySelectorAll("[data-command]")) {
      const { command } = button.dataset;
      button.disabled = !this.may(command) || Boolean(this.busy);
      if (["resume", "cancel", "clear_error"].includes(command)) show(button, this.may(command) && command !== does);
    }
    show(this.panel.querySelector('[data-command="pause"]'), !this.may("resume"));
  }

  words(does) {
    const { state, label, blockers = [] } = this.status;
    if (this.busy) return ASKED[this.busy] ?? "One moment …";
    if (does === "record" && blockers.length) return label === "cannot record" ? "Can't record" : `Can't record: ${label}`;
    if (state === "replaying" && does === "cancel") return STOP_REPLAY;
    return BIG[does] || this.states[state]?.waiting || "Waiting for the rig …";
  }

  /** Why no take may begin, or what the error is, for as long as that is so. */
  block({ state, message, blockers = [] }) {
    const box = document.getElementById("blockers");
    const isError = state === "error" && Boolean(message);
    const texts = isError ? [message] : blockers.map((one) => one.text);
    box.classList.toggle("tone-bad", isError);
    box.classList.toggle("tone-warn", !isError);
    show(box, texts.length > 0);
    if (texts.join("\n") === this.blockedBy) return;
    this.blockedBy = texts.join("\n");
    box.replaceChildren(...texts.map((text) => make("p", {}, text)));
  }

  lost() {
    this.show({ ...this.status, state: "lost", label: "no connection", tone: "", controls: [], blockers: [] });
  }

  async press(command) {
    if (!command || this.busy || !this.may(command) || (command === "record" && this.status.blockers?.length)) return;
    this.busy = command;
    const take = this.meant(command);
    // Only the error that is shown is cleared: an emergency stop may have come since.
    const args = command === "clear_error" ? { since: this.status.error?.since } : take && OF_A_TAKE.has(command) ? { take } : {};
    if (["rerecord", "discard"].includes(command) && take) this.again.expect(take, command);
    this.show(this.status);
    try {
      if (command === "record") await call("POST", `${this.api}/record`, await this.form.body());
      else await call("POST", `${this.api}/commands/${command}`, { args });
      this.forgive();
    } catch (error) {
      this.again.forget(take);
      this.refused(error, command);
    } finally {
      this.busy = "";
      this.show(this.status);
    }
  }

  refused(error, command) {
    const box = document.getElementById("differences");
    const table = box.querySelector("table");
    const rows = error.detail?.differences ?? [];
    const cells = (tag, values) => make("tr", {}, ...values.map((value) => make(tag, {}, worded(value))));
    table.querySelectorAll("tr").forEach((row) => row.remove());
    if (rows.length) table.append(cells("th", ["What", "This rig", "The dataset"]), ...rows.map((row) => cells("td", [row.what, row.rig, row.dataset])));
    // The table says better what the message lists.
    say(document.getElementById("refusal-words"), rows.length ? MISMATCH : error.message);
    show(box, rows.length > 0);
    say(document.getElementById("refusal-title"), command === "record" ? "Can't record" : "Not done");
    this.refusal = { code: error.code, state: this.status.state };
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
