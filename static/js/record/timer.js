// The clock of the take, the countdown over the page, and the sounds that go with them.
import { say, show } from "../lib/dom.js";
import { clock } from "../lib/format.js";

export class Timer {
  /** `now()` is the server's clock, in which the server tells the times of the rig. */
  constructor(sound, now) {
    Object.assign(this, { sound, now });
    this.clock = document.getElementById("timer");
    this.words = document.getElementById("timer-words");
    this.bar = document.getElementById("timer-bar");
    this.overlay = document.getElementById("countdown");
    this.status = null;
    this.state = "";
    this.last_s = null;
    this.paint = this.paint.bind(this);
    requestAnimationFrame(this.paint);
  }

  show(status) {
    const before = this.state;
    this.status = status;
    this.state = status.state;
    this.heardAt = performance.now();
    if (status.take) Object.assign(this, { take: status.take.id, last_s: status.take.elapsed_s });
    // What was recorded in the end is on the take's card.
    else this.last_s = Number(document.getElementById(`take-${this.take}`)?.dataset.seconds) || this.last_s;
    if (before && before !== this.state) this.sounds(before, this.state);
  }

  /** What the rig does now is not known: the clock stands where it was last known. */
  lost() {
    if (this.status) Object.assign(this, { state: "lost", status: { ...this.status, state: "lost", timer: null } });
  }

  sounds(before, now) {
    if (now === "recording") this.sound.play("start");
    else if (now === "error" || now === "offline") this.sound.play("error");
    else if (before === "recording") this.sound.play("stop");
  }

  left() {
    const { timer } = this.status;
    return timer?.ends_at ? Math.max(0, timer.ends_at - this.now()) : null;
  }

  paint() {
    requestAnimationFrame(this.paint);
    if (!this.status || document.hidden) return;
    const left = this.left();
    this.countdown(this.state === "countdown" && left !== null ? Math.ceil(left - 0.02) : 0);
    this.clock.parentElement.classList.toggle("is-idle", !["recording", "resetting", "replaying"].includes(this.state));
    this.read(left);
    const total = this.status.timer?.total_s;
    show(this.bar, Boolean(total && left !== null));
    if (total && left !== null) {
      this.bar.max = total;
      this.bar.value = total - left;
    }
  }

  read(left) {
    const total = this.status.timer?.total_s;
    if (this.state === "recording") {
      const run = (this.status.take?.elapsed_s ?? 0) + (performance.now() - this.heardAt) / 1000;
      this.last_s = Math.min(run, total ?? Infinity);
      say(this.clock, clock(this.last_s));
      say(this.words, total ? `of ${clock(total)}` : "recording");
    } else if (this.state === "countdown" || this.state === "resetting") {
      say(this.clock, clock(left ?? total ?? 0));
      say(this.words, this.state === "countdown" ? "starts in" : "until the next take");
    } else if (this.state === "checking") {
      say(this.clock, clock(left ?? 0));
      say(this.words, left ? "test recording, not kept" : "judging it");
    } else if (this.state === "replaying") {
      say(this.clock, clock(this.status.replay?.left_s ?? 0));
      say(this.words, "until the robot holds still");
    } else {
      say(this.clock, clock(this.last_s ?? 0));
      const words = this.state === "lost" ? "when the connection was lost" : "last take";
      say(this.words, this.last_s === null ? "" : words);
    }
  }

  countdown(seconds) {
    show(this.overlay, seconds > 0);
    if (seconds > 0 && this.told !== seconds) this.sound.play("tick");
    this.told = seconds;
    if (seconds > 0) say(this.overlay.querySelector("b"), seconds);
  }
}
