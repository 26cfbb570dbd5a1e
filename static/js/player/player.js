// Playing and stepping through one episode; knows the socket, the pictures, the bar and the plots.
import { say, show } from "../lib/dom.js";
import { clock } from "../lib/format.js";
import { setLost } from "../lib/lost.js";
import { Ahead } from "./ahead.js";
import { PlayLink } from "./play_link.js";
import { Scrub } from "./scrub.js";
import { Signals, fetchSignals } from "./signals.js";
import { Stage } from "./stage.js";
import { Thumb } from "./thumb.js";

const RATES = [0.25, 0.5, 1, 2, 4];
// Skimming must not load plots: fetch them only after STAYS_MS on one episode.
const STAYS_MS = 180;
const HOLDS_MS = 300;
const byId = (id) => document.getElementById(id);

export class Player {
  constructor(onOpened) {
    Object.assign(this, { onOpened, frames: 0, fps: 30, firstTick: 0, wanted: 0, rate: 1, loop: false, link: null, episode: "", stays: 0, ahead: new Ahead() });
    this.stage = new Stage(byId("stage"));
    this.stage.onLarge = () => this.film();
    this.scrub = new Scrub({ seek: (frame) => this.seek(frame), drag: (is) => this.drag(is) });
    this.thumb = new Thumb(byId("scrub"), () => this.facts());
    setInterval(() => this.holds(), HOLDS_MS);
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
      lost: (is) => {
        this.wasLost ||= is;
        setLost("play", is);
      },
    };
    this.wasLost = false;
    this.say("");
    this.playing(false);
    this.wanted = frame;
    const first = !this.episode;
    this.episode = episode;
    this.about = null;
    this.link = frame ? null : this.ahead.takeLink(episode);
    if (this.link) this.link.adopt(on);
    else {
      this.link = new PlayLink(episode, on);
      this.link.frame = frame;
    }
    clearTimeout(this.stays);
    this.fetching?.abort();
    this.signals.old();
    this.scrub.strip("");
    this.stays = setTimeout(() => this.stay(episode), first ? 0 : STAYS_MS);
  }

  stay(episode) {
    this.stays = 0;
    this.fetchPlots(episode);
    this.film();
  }

  /** The filmstrip of the camera that is large. */
  film() {
    const key = this.stage.largeKey;
    if (!this.about || this.stays) return;
    this.scrub.strip(key && this.frames ? `/media/${this.episode}/strip/${encodeURIComponent(key)}.jpg?count=24&height=44&v=${this.about.version}` : "");
  }

  /** What a small picture of this episode needs to know. */
  facts() {
    const camera = this.about?.cameras[this.stage.large];
    if (!this.about || this.about.cameras.length !== this.stage.keys?.length) return null;
    const { frames, fps, episode } = this;
    return { episode, key: camera?.key ?? "", frames, fps, version: this.about.version, shape: camera ? camera.width / camera.height : 1 };
  }

  /** The bar says what this browser holds. */
  holds() {
    const { held } = this.link ?? {};
    if (!held || document.visibilityState !== "visible") return;
    const now = `${this.episode} ${held.frames.size} ${held.bytes} ${this.frames} ${this.scrub.box.clientWidth}`;
    if (this.heldAs !== now) this.scrub.holds(held.spans());
    this.heldAs = now;
  }

  /** Have these episodes ready: a key leads to the first of them. */
  prepare(episodes, walk) {
    const bytes = (this.about?.cameras ?? []).reduce((sum, { width, height }) => sum + width * height * 4, 0);
    this.ahead.want(episodes, walk, bytes);
  }

  async fetchPlots(episode) {
    this.fetching = new AbortController();
    try {
      this.signals.draw(await fetchSignals(episode, this.fetching.signal));
    } catch (error) {
      if (error.name !== "AbortError") this.signals.say(error.message);
    }
  }

  opened(about) {
    const [frames, fps] = [about.frames, about.fps];
    this.about = about;
    Object.assign(this, { frames, fps, firstTick: about.first_tick ?? 0, trim: about.trim });
    this.stage.have(about.cameras, Boolean(about.problems?.length));
    this.scrub.open(frames);
    this.scrub.cut(about.trim);
    say(byId("frames"), Math.max(0, frames - 1));
    say(byId("length"), clock(frames / fps));
    if (about.problems?.length) this.say(about.problems.join(". "));
    if (this.wasLost) this.anew();
    this.film();
    this.onOpened(about);
  }

  /** What could not be fetched while nobody answered. */
  anew() {
    this.wasLost = false;
    this.scrub.strip("");
    if (!this.signals.data && !this.stays) this.fetchPlots(this.episode);
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
