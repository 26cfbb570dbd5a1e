// The buttons. What may be pressed is what the rig said last, never what we think.
import { call } from "../lib/api.js";
import { make, say, show } from "../lib/dom.js";
import { keys } from "../lib/keys.js";
import { showChip } from "../live.js";
import { Again } from "./again.js";
import { wordsOf } from "./big_words.js";
import { JustChanged } from "./just_changed.js";
import { Leaving } from "./leaving.js";
import { Refused } from "./refused.js";
import { Stopping, begins, isAway } from "./stopping.js";

// The second press of somebody who stops a replay in a hurry must not move the robot again.
const STOPPED_MS = 1500;
const SHOWN = new Set(["record", "rerecord", "finish_reset", "stop", "cancel"]);
const UNSEEN_MS = 2000;
const DOUBLE_MS = 500;
const OF_A_TAKE = new Set(["stop", "discard", "rerecord"]);

export class Controls {
  constructor(desk, form) {
    this.api = desk.dataset.api;
    this.form = form;
    this.again = new Again();
    this.stopping = new Stopping();
    this.leaving = new Leaving();
    this.refusal = new Refused(form.form);
    this.status = { state: desk.dataset.state, controls: [] };
    this.panel = desk.querySelector(".control");
    this.big = document.getElementById("big");
    this.justChanged = new JustChanged(this.big);
    this.chip = document.getElementById("state");
    this.states = JSON.parse(document.getElementById("rig-states").textContent);
    this.states.lost = { waiting: "Connection lost" };
    this.busy = ""; // the command that waits for its answer, or for the rig to show that it has done it
    this.recordedAt = -DOUBLE_MS;
    this.turn = 0; // of the commands, which one that is
    this.big.addEventListener("click", ({ detail, timeStamp }) => this.main(detail > 1, timeStamp));
    for (const button of this.panel.querySelectorAll("[data-command]")) {
      button.addEventListener("click", () => this.press(button.dataset.command));
    }
    // A press with the pointer leaves no focus behind: Space must stay the key of recording.
    desk.addEventListener("click", (event) => {
      if (event.detail > 0) event.target.closest("button, summary, a, input[type=checkbox], input[type=radio]")?.blur();
    });
  }

  keys(others) {
    keys({
      " ": () => (begins(this.busy) || ["record", "stop", "cancel"].includes(this.big.dataset.does)) && this.main(),
      Backspace: () => this.press("rerecord"),
      Enter: () => this.press("finish_reset"),
      Escape: () => (begins(this.busy) ? this.main() : this.press("cancel")),
      p: () => this.press(this.may("resume") ? "resume" : "pause"),
      ...others,
    });
  }

  /** The main button, pressed `at` then. While something begins it stops that; a double click's second one does not. */
  main(isDouble = false, at = performance.now()) {
    const { does } = this.big.dataset;
    if (isDouble && at < this.recordedAt + DOUBLE_MS) return;
    if (!this.stopping.takes(this.busy)) {
      if (this.justChanged.holds()) return;
      if (does === "record") this.recordedAt = at;
      return void this.press(does);
    }
    this.stopping.want(this.status, this.busy, this.isDone);
    this.show(this.status);
  }

  may(command) {
    if (command === "stop" && isAway(this.status)) return this.stopping.mayReach(this.status);
    if (command === "rerecord" && !this.meant(command)) return false;
    return (this.status.controls ?? []).includes(command);
  }

  /** The take that a command is about; the one that has ended last is recorded again only in its session. */
  meant(command) {
    const { take, last_take: last } = this.status;
    if (command === "stop") return take?.id ?? this.stopping.running;
    if (take || command !== "rerecord") return take?.id;
    return last && document.getElementById("session")?.dataset.running === last.session ? last.id : undefined;
  }

  show(status) {
    const isBack = isAway(this.status) && !isAway(status);
    this.refusal.cured(this.status, status);
    if (this.busy || this.stopping.wanted) this.justChanged.asked();
    this.status = status;
    // What was sent before the connection was lost may never be answered.
    if (isBack && this.stopping.wanted) {
      this.busy = "";
      this.stopping.unanswered();
    }
    // A rig that offers it no more has done it: an answer that is late holds back no Stop.
    if (this.busy && this.isShown(status)) this.busy = "";
    this.leaving.heard(status);
    const due = this.stopping.due(status, this.busy);
    if (this.may(due)) return void this.press(due);
    this.draw(status);
  }

  /** Whether the rig shows what was asked for last. */
  isShown(status) {
    return !isAway(status) && (!this.may(this.busy) || status.take?.id !== this.before);
  }

  draw(status) {
    const { state, blockers = [] } = status;
    if (state === "replaying") this.replayedAt = performance.now();
    const does = [isAway(status) ? "stop" : this.states[state]?.command, "record"].find((command) => this.may(command)) ?? "";
    this.justChanged.show(isAway(status) ? "" : does);
    this.panel.dataset.state = state;
    showChip(this.chip, status.label ?? state, status.tone, this.chip.querySelector("[data-state-words]"));
    this.big.dataset.does = does;
    this.big.dataset.blocked = blockers.length ? "yes" : "";
    const isHasty = does === "follow" && performance.now() - (this.replayedAt ?? -STOPPED_MS) < STOPPED_MS;
    const isHeld = (!does || !this.isFree(does) || Boolean(this.stopping.wanted)) && !this.stopping.takes(this.busy);
    this.big.disabled = isHeld || isHasty || (does === "record" && blockers.length > 0);
    say(document.getElementById("big-words"), wordsOf(does, status, this.busy, this.stopping.wanted) || this.states[state]?.waiting || "Waiting for the rig …");
    show(this.big.querySelector("kbd"), ["stop", "cancel"].includes(does) || (does === "record" && !blockers.length));
    this.block(status);
    for (const button of this.panel.querySelectorAll("[data-command]")) {
      const { command } = button.dataset;
      button.disabled = !this.may(command) || Boolean(this.busy);
      if (["resume", "cancel", "clear_error"].includes(command)) show(button, this.may(command) && command !== does);
    }
    show(this.panel.querySelector('[data-command="pause"]'), !this.may("resume"));
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

  /** Stop waits for no other command, but for one that begins a take: then it is kept (`main`). */
  isFree(command) {
    return !this.busy || (command === "stop" && this.busy !== "stop" && !begins(this.busy));
  }

  async press(command) {
    if (!command || !this.isFree(command) || !this.may(command) || (command === "record" && this.status.blockers?.length)) return;
    this.busy = command;
    const pressedAt = performance.now();
    const turn = (this.turn += 1);
    this.before = this.status.take?.id;
    const take = this.meant(command);
    const isAgain = this.stopping.asks(command, this.status);
    // Only the error that is shown is cleared: an emergency stop may have come since.
    const args = command === "clear_error" ? { since: this.status.error?.since } : take && OF_A_TAKE.has(command) ? { take } : {};
    if (["rerecord", "discard"].includes(command) && take) this.again.expect(take, command);
    this.show(this.status);
    this.isDone = false;
    try {
      if (command === "record") await call("POST", `${this.api}/record`, await this.form.body());
      else await call("POST", `${this.api}/commands/${command}`, { args });
      if (turn === this.turn) this.isDone = true;
      this.stopping.did(command);
      if (begins(command)) this.leaving.began();
      this.refusal.forgive();
    } catch (error) {
      this.again.forget(take);
      this.justChanged.refused(pressedAt);
      this.recordedAt = -DOUBLE_MS; // nothing has begun that the second click of a double one could end
      if (this.stopping.tells(error, command, isAgain || turn !== this.turn)) this.refusal.show(error, command, this.status.state, Boolean(this.stopping.wanted));
    } finally {
      if (turn === this.turn) this.settle(turn, this.busy);
      this.show(this.status);
    }
  }

  /** What is done holds back the next command until the rig shows it: its status may be later than its answer. */
  settle(turn, busy) {
    if (this.isDone && SHOWN.has(busy) && !this.isShown(this.status)) this.waitToBeShown(turn, this.status);
    else this.busy = "";
  }

  /** A rig that says more, and does not show it, does not do it; of one that says nothing nobody knows. */
  waitToBeShown(turn, heard) {
    setTimeout(() => {
      if (turn !== this.turn) return;
      if (this.status === heard && this.busy) return void this.waitToBeShown(turn, heard);
      this.busy = "";
      this.show(this.status);
    }, UNSEEN_MS);
  }
}
