// The main button means something else after each change of the rig. Where this page did not ask for the change, a press
// that comes at once was meant for what the button said before: the second person's Space would stop the first one's take.
import { toast } from "../lib/toast.js";

const LOOK_MS = 700; // as long as eye and hand need
const OURS_MS = 3000; // a rig shows what was asked of it by then, or the button means nothing meanwhile
const HINTS = {
  record: "The rig had just finished, so nothing was begun. Press again to record.",
  stop: "This take had just begun, so it continues. Press again to stop it.",
  cancel: "This had just begun, so it continues. Press again to cancel it.",
  finish_reset: "The take had just ended. Press again to start the next one.",
};
const OTHER = "The rig had just changed. Look at it, then press again.";

export class JustChanged {
  /** `button` has the attribute `data-held` while a press of it is held back. */
  constructor(button) {
    Object.assign(this, { button, means: "", at: -LOOK_MS, isOurs: false, askedAt: -OURS_MS, timer: 0 });
  }

  /** This page has asked the rig for something. */
  asked() {
    this.askedAt = performance.now();
  }

  /** What it asked for at `since` was refused: what the rig has done from then on was somebody else's doing. */
  refused(since) {
    this.askedAt = -OURS_MS;
    if (this.at < since) return;
    this.isOurs = false;
    this.mark();
  }

  /** The main button does `does` now, "" for nothing, or for nobody knows. */
  show(does) {
    const now = performance.now();
    const isOurs = now < this.askedAt + OURS_MS;
    if (isOurs && !does) this.askedAt = now;
    if (!does || does === this.means) return;
    // What was counted down here begins here; what a page finds when it is opened has not changed.
    const hasFollowed = !this.means || (this.isOurs && this.means === "cancel" && does === "stop");
    Object.assign(this, { isOurs: isOurs || hasFollowed, at: now, means: does, askedAt: -OURS_MS });
    this.mark();
  }

  mark() {
    const left = this.isOurs ? 0 : this.at + LOOK_MS - performance.now();
    clearTimeout(this.timer);
    this.button.toggleAttribute("data-held", left > 0);
    if (left > 0) this.timer = setTimeout(() => this.button.removeAttribute("data-held"), left);
  }

  /** Whether a press of the main button now was meant for what it did before; says so. */
  holds() {
    if (!this.button.hasAttribute("data-held")) return false;
    toast(HINTS[this.means] ?? OTHER);
    return true;
  }
}
