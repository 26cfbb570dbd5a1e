// Who asks for the next picture of a camera: each asks again once it has the last one, a few at a time, and nobody while
// the page is hidden, while the camera is out of sight, or while the station tries or starts a rig.
const AT_ONCE = 2;
const EVERY_MS = 500;
const APART_MS = 125; // a station takes 20 questions a second, of all pages together
const LATER_MS = { busy: 1500, too_many: 1500 };
const TROUBLE_MS = 5000;

export class Looking {
  constructor() {
    Object.assign(this, { views: new Map(), underWay: 0, free: 0, held: false });
    this.inSight = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        const view = this.views.get(target);
        if (view) view.inSight = isIntersecting;
      }
      this.next();
    });
    document.addEventListener("visibilitychange", () => this.next());
    window.addEventListener("pagehide", () => this.hold(true));
    window.addEventListener("pageshow", () => this.hold(false));
  }

  /** `snapshot.take()` returns the code of a refusal, or nothing; it is called while `snapshot.isLive`. */
  add(snapshot) {
    this.views.set(snapshot.box, { snapshot, due: 0, inSight: false, busy: false });
    this.inSight.observe(snapshot.box);
  }

  hold(held) {
    this.held = held;
    this.next();
  }

  /** Somebody wants this one now. */
  hurry(snapshot) {
    const view = this.views.get(snapshot.box);
    if (view) view.due = 0;
    this.next();
  }

  /** Let those ask whose time has come, and wake up when the next one's has. */
  next() {
    clearTimeout(this.timer);
    if (this.held || document.hidden) return;
    const waiting = [...this.views.values()].filter(({ snapshot, inSight, busy }) => inSight && !busy && snapshot.isLive && snapshot.box.isConnected);
    waiting.sort((one, other) => one.due - other.due);
    const [first] = waiting;
    if (!first || this.underWay >= AT_ONCE) return;
    const wait = Math.max(first.due, this.free) - performance.now();
    if (wait <= 0) this.ask(first);
    this.timer = setTimeout(() => this.next(), wait > 0 ? wait : APART_MS);
  }

  async ask(view) {
    const began = performance.now();
    view.busy = true;
    this.underWay++;
    this.free = began + APART_MS;
    const code = await view.snapshot.take();
    view.due = code ? performance.now() + (LATER_MS[code] ?? TROUBLE_MS) : began + EVERY_MS;
    view.busy = false;
    this.underWay--;
    this.next();
  }
}
