// Playing and stepping through one episode; knows the socket, the pictures, the bar and the plots.
import { say, show } from "../lib/dom.js";
import { clock } from "../lib/format.js";
import { PlayLink } from "./play_link.js";
import { Scrub } from "./scrub.js";
import { Signals, fetchSignals } from "./signals.js";
import { Stage } from "./stage.js";

const RATES = [0.25, 0.5, 1, 2, 4];
const byId = (id) => document.getElementById(id);

export class Player {
  constructor(onOpened) {
    Object.assign(this, { onOpened, frames: 0, fps: 30, firstTick: 0, wanted: 0, rate: 1, loop: false, link: null, ahead: null });
    this.stage = new Stage(byId("stage"));
    this.scrub = new Scrub({ seek: (frame) => this.seek(frame), drag: (is) => this.drag(is) });
    this.signals = new Signals(byId("signals"), (frame) => this.seek(frame));
  }

  /** Show an episode; one that was prepared is there at once. */
  open(episode, frame = 0) {
    this.link?.end();
    const on = {
      opened: (about) => this.opened(about),
      shown: (n, pictures) => this.shown(n, pictures),
      ended: () => this.playing(false),
      problem: (text) => this.say(text),
      lost: (is) => show(byId("lost"), is && document.visibilityState === "visible"),
    };
    this.say("");
    this.playing(false);
    this.wanted = frame;
    if (this.ahead?.episode === episode && !frame) {
      this.link = this.ahead;
      this.link.adopt(on);
    } else {
      this.ahead?.end();
      this.link = new PlayLink(episode, on);
      this.link.frame = frame;
    }
    this.ahead = null;
    this.fetchPlots(episode);
  }

  /** Open the episode that is likely next and let it send its first frame. */
  prepare(episode) {
    if (this.ahead?.episode === episode) return;
    this.ahead?.end();
    this.ahead = episode ? new PlayLink(episode, {}) : null;
  }

  async fetchPlots(episode) {
    this.fetching?.abort();
    this.fetching = new AbortController();
    try {
      this.signals.draw(await fetchSignals(episode, this.fetching.signal));
    } catch (error) {
      if (error.name !== "AbortError") this.signals.say(error.message);
    }
  }

  opened(about) {
    const [frames, fps] = [about.frames, about.fps];
    Object.assign(this, { frames, fps, firstTick: about.first_tick ?? 0, trim: about.trim });
    this.stage.have(about.cameras);
    this.scrub.open(frames);
    this.scrub.cut(about.trim);
    say(byId("frames"), Math.max(0, frames - 1));
    say(byId("length"), clock(frames / fps));
    for (const text of about.problems ?? []) this.say(text);
    this.onOpened(about);
  }

  shown(frame, pictures) {
    this.stage.show(pictures);
    if (!this.link.dragging) {
      this.wanted = frame;
      this.scrub.at(frame);
    }
    this.signals.at(frame);
    say(byId("at-frame"), frame);
    say(byId("at-time"), clock(frame / this.fps));
    byId("range").setAttribute("aria-valuetext", `frame ${frame}, ${clock(frame / this.fps)}`);
  }

  seek(frame) {
    this.wanted = Math.min(Math.max(0, Math.round(frame)), Math.max(0, this.frames - 1));
    this.playing(false);
    this.link.seek(this.wanted);
    if (!this.link.dragging) this.scrub.at(this.wanted);
  }

  step(by) {
    this.seek(this.wanted + by);
  }

  drag(is) {
    this.link.dragging = is;
  }

  toggle() {
    if (this.link.playing) {
      this.link.pause();
      this.playing(false);
      return;
    }
    const end = this.wanted >= this.frames - 1;
    this.wanted = end ? 0 : this.wanted;
    this.link.play(this.wanted, this.rate, this.loop);
    this.playing(true);
  }

  again() {
    if (this.link.playing) this.link.play(this.link.frame, this.rate, this.loop);
  }

  faster(by) {
    this.setRate(RATES[Math.min(RATES.length - 1, Math.max(0, RATES.indexOf(this.rate) + by))]);
  }

  setRate(rate) {
    this.rate = rate;
    for (const button of document.querySelectorAll("[data-rate]")) button.setAttribute("aria-pressed", String(Number(button.dataset.rate) === rate));
    this.again();
  }

  setLoop(loop) {
    this.loop = loop;
    byId("loop").setAttribute("aria-pressed", String(loop));
    this.again();
  }

  playing(is) {
    const use = byId("play").querySelector("use");
    use.setAttribute("href", use.getAttribute("href").replace(/#.*/, is ? "#pause" : "#play"));
    byId("play").setAttribute("aria-label", is ? "Pause" : "Play");
    byId("play").dataset.playing = is ? "yes" : "";
  }

  say(text) {
    say(byId("said"), text);
    show(byId("said"), Boolean(text));
  }
}
