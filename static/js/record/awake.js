// The screen stays on while something runs that a person watches. Where the browser cannot do it, nothing changes.
const STATES = new Set(["checking", "countdown", "recording", "paused", "resetting", "replaying"]);

export class Awake {
  constructor() {
    Object.assign(this, { isWanted: false, lock: null, isAsking: false });
    document.addEventListener("visibilitychange", () => this.keep());
    window.addEventListener("pagehide", () => this.show({}));
  }

  show({ state, online = true }) {
    const isWanted = online && STATES.has(state);
    if (isWanted === this.isWanted) return;
    this.isWanted = isWanted;
    this.keep();
  }

  /** A lock is lost when the page is hidden, and asked for again when it is shown. */
  async keep() {
    if (!this.isWanted) {
      this.lock?.release();
      this.lock = null;
      return;
    }
    if (document.hidden || this.lock || this.isAsking || !navigator.wakeLock) return;
    this.isAsking = true;
    try {
      const lock = await navigator.wakeLock.request("screen");
      lock.addEventListener("release", () => {
        if (this.lock === lock) this.lock = null;
      });
      this.lock = lock;
    } catch {
      // Refused, as with a low battery: the take is recorded by the rig whatever the screen does.
    }
    this.isAsking = false;
    if (!this.isWanted) this.keep();
  }
}
