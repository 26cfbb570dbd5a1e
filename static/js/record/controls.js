// The buttons. What may be pressed is what the rig said last, never what we think.
import { call } from "../lib/api.js";
import { make, say, show } from "../lib/dom.js";
import { keys } from "../lib/keys.js";
import { rigTone, rigWords } from "../live.js";

const BIG = {
  record: "Record",
  stop: "Stop and save",
  finish_reset: "Next take now",
  resume: "Go on",
  cancel: "Cancel",
  clear_error: "Clear the error",
};
const WAITING = { connecting: "Connecting to the robot …", saving: "Saving …", offline: "The rig is offline", lost: "No connection …", countdown: "About to record …" };
const FIRST = { recording: ["stop"], countdown: ["cancel"], resetting: ["finish_reset"], paused: ["resume", "record"], error: ["clear_error"] };
const ASKED = { record: "Starting …", stop: "Stopping …", rerecord: "Starting again …" };
const MISMATCH = "This rig does not fit the dataset: every episode of a dataset has the same features. Record into another dataset, or change the rig's file.";
const OF_A_TAKE = new Set(["stop", "discard", "rerecord"]);

export class Controls {
  constructor(desk, form) {
    this.api = desk.dataset.api;
    this.form = form;
    this.status = { state: desk.dataset.state, controls: [] };
    this.panel = desk.querySelector(".control");
    this.big = document.getElementById("big");
    this.chip = document.getElementById("state");
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
  }

  keys(others) {
    keys({
      " ": () => ["record", "stop"].includes(this.big.dataset.does) && this.press(this.big.dataset.does),
      Backspace: () => this.press("rerecord"),
      Enter: () => this.press("finish_reset"),
      Escape: () => this.press("cancel"),
      p: () => this.press(this.may("resume") ? "resume" : "pause"),
      ...others,
    });
  }

  may(command) {
    return (this.status.controls ?? []).includes(command);
  }

  show(status) {
    this.status = status;
    const { state } = status;
    const does = [...(FIRST[state] ?? []), "record"].find((command) => this.may(command)) ?? "";
    this.panel.dataset.state = state;
    this.chip.className = `chip ${rigTone(state)}`;
    say(this.chip.querySelector("[data-state-words]"), rigWords(state));
    this.big.dataset.does = does;
    this.big.disabled = !does || Boolean(this.busy);
    say(document.getElementById("big-words"), this.busy ? ASKED[this.busy] ?? "One moment …" : BIG[does] ?? WAITING[state] ?? "Waiting for the rig …");
    show(this.big.querySelector("kbd"), does === "record" || does === "stop");
    for (const button of this.panel.querySelectorAll("[data-command]")) {
      const { command } = button.dataset;
      button.disabled = !this.may(command) || Boolean(this.busy);
      if (["resume", "cancel", "clear_error"].includes(command)) show(button, this.may(command) && command !== does);
    }
    show(this.panel.querySelector('[data-command="pause"]'), !this.may("resume"));
  }

  lost() {
    this.show({ ...this.status, state: "lost", controls: [] });
  }

  async press(command) {
    if (!command || this.busy || !this.may(command)) return;
    this.busy = command;
    const take = this.status.take?.id;
    this.show(this.status);
    try {
      if (command === "record") await call("POST", `${this.api}/record`, await this.form.body());
      else await call("POST", `${this.api}/commands/${command}`, { args: take && OF_A_TAKE.has(command) ? { take } : {} });
      this.forgive();
    } catch (error) {
      this.refused(error);
    } finally {
      this.busy = "";
      this.show(this.status);
    }
  }

  refused(error) {
    const box = document.getElementById("differences");
    const table = box.querySelector("table");
    const rows = error.detail?.differences ?? [];
    const cells = (tag, values) => make("tr", {}, ...values.map((value) => make(tag, {}, worded(value))));
    table.querySelectorAll("tr").forEach((row) => row.remove());
    if (rows.length) table.append(cells("th", ["What", "This rig", "The dataset"]), ...rows.map((row) => cells("td", [row.what, row.rig, row.dataset])));
    // The table says better what the message lists.
    say(document.getElementById("refusal-words"), rows.length ? MISMATCH : error.message);
    show(box, rows.length > 0);
    show(document.getElementById("refusal"), true);
  }

  forgive() {
    show(document.getElementById("refusal"), false);
  }
}

const worded = (value) => (value === null || value === undefined ? "–" : typeof value === "object" ? JSON.stringify(value) : String(value));
