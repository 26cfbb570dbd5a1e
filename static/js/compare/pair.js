// Two episodes on one clock: both are asked for the same moment, and shown only when both are there.
import { PlayLink } from "../player/play_link.js";

export class Pair {
  /** `on`: { shown(side, frame, pictures), opened(side, about), moved(seconds), playing(is), problem(side, text), lost(isLost) } */
  constructor(episodes, on) {
    Object.assign(this, { on, rate: 1, loop: false, align: "start", wanted: 0, playing: false, waiting: false, began: null });
    this.sides = episodes.map((episode, i) => {
      const side = { frames: 0, fps: 30, trim: null, asked: -1, ready: null, dead: false };
      side.link = new PlayLink(episode, {
        opened: (about) => this.opened(i, about),
        shown: (frame, pictures) => this.arrived(side, frame, pictures),
        problem: (text) => this.failed(i, text),
        lost: (is) => on.lost(is),
      });
      return side;
    });
  }

  opened(i, about) {
    const side = this.sides[i];
    // Reopened after a lost connection: the server has forgotten the requests.
    Object.assign(side, { frames: about.frames, fps: about.fps, trim: about.trim, asked: -1, dead: !about.frames });
    this.on.opened(i, about);
    this.waiting = false;
    if (this.sides.every((one) => one.frames || one.dead)) this.seek(this.wanted);
  }

  failed(i, text) {
    this.on.problem(i, text);
    this.sides[i].ready ??= { frame: this.sides[i].asked, pictures: [] };
    this.together();
  }

  /** The frame that a side begins with when the clock shows 0. */
  first(side) {
    if (this.align === "kept") return side.trim?.[0] ?? 0;
    return this.align === "end" ? side.frames - 1 - Math.round(this.seconds * side.fps) : 0;
  }

  get seconds() {
    return Math.max(0, ...this.sides.map((side) => (side.frames - 1) / side.fps));
  }

  frame(side, seconds = this.wanted) {
    return Math.min(Math.max(0, this.first(side) + Math.round(seconds * side.fps)), Math.max(0, side.frames - 1));
  }

  seek(seconds) {
    this.wanted = Math.min(Math.max(0, seconds), this.seconds);
    this.on.moved(this.wanted);
    if (this.playing) this.began = { at: performance.now(), from: this.wanted };
    if (!this.waiting) this.ask();
  }

  /** Whole frames of the first. */
  step(by) {
    this.pause();
    const { fps } = this.sides[0];
    this.seek((Math.round(this.wanted * fps) + by) / fps);
  }

  ask() {
    for (const side of this.sides) {
      const frame = this.frame(side);
      if (side.dead || frame === side.asked) continue;
      side.asked = frame;
      side.ready = null;
      this.waiting = true;
      side.link.seek(frame);
    }
    return this.waiting;
  }

  arrived(side, frame, pictures) {
    if (frame !== side.asked) {
      pictures.forEach(([, bitmap]) => bitmap.close());
      return;
    }
    side.ready?.pictures.forEach(([, bitmap]) => bitmap.close());
    side.ready = { frame, pictures };
    this.together();
  }

  together() {
    if (this.sides.some((side) => !side.dead && !side.ready)) return;
    this.sides.forEach((side, i) => {
      if (!side.ready || side.ready.shown) return;
      this.on.shown(i, side.ready.frame, side.ready.pictures);
      side.ready = { ...side.ready, pictures: [], shown: true };
    });
    this.waiting = false;
    if (!this.playing) this.ask(); // somebody has dragged on meanwhile
  }

  play() {
    if (this.wanted >= this.seconds - 0.001) this.wanted = 0;
    this.playing = true;
    this.began = { at: performance.now(), from: this.wanted };
    this.on.playing(true);
    requestAnimationFrame(() => this.tick());
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    this.on.playing(false);
  }

  setRate(rate) {
    this.rate = rate;
    this.began = { at: performance.now(), from: this.wanted };
  }

  /** The clock does not wait: where frames are late, they are skipped on both sides alike. */
  tick() {
    if (!this.playing) return;
    const now = this.began.from + ((performance.now() - this.began.at) / 1000) * this.rate;
    if (now >= this.seconds && !this.loop) {
      this.pause();
      this.seek(this.seconds);
      return;
    }
    if (!this.waiting) {
      if (now >= this.seconds) this.seek(0);
      else {
        this.wanted = now;
        this.on.moved(now);
        this.ask();
      }
    }
    requestAnimationFrame(() => this.tick());
  }

  end() {
    this.sides.forEach((side) => side.link.end());
  }
}
