// A take continues at the rig after its page is closed: whoever began it here is asked first. Links to other pages of
// robotdata ask nothing: there one sees that the rig records, and comes back.
import { isAway } from "./stopping.js";

const CONTINUES = new Set(["countdown", "recording", "resetting"]);
const OVER = new Set(["idle", "error", "connecting"]);
const WALK_MS = 1000;

export class Leaving {
  constructor() {
    Object.assign(this, { isOurs: false, wasSeen: false, state: "", walkedAt: -WALK_MS });
    document.addEventListener("click", ({ target }) => {
      if (target.closest?.("a[href]")) this.walkedAt = performance.now();
    });
    window.addEventListener("beforeunload", (event) => {
      const isWalk = performance.now() < this.walkedAt + WALK_MS;
      if (this.isOurs && CONTINUES.has(this.state) && !isWalk) event.preventDefault();
    });
  }

  /** This page has begun a take. */
  began() {
    Object.assign(this, { isOurs: true, wasSeen: CONTINUES.has(this.state) });
  }

  heard(status) {
    if (isAway(status)) return;
    this.state = status.state;
    if (CONTINUES.has(this.state)) this.wasSeen = true;
    else if (OVER.has(this.state) && this.wasSeen) Object.assign(this, { isOurs: false, wasSeen: false });
  }
}
