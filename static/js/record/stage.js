// Live pictures: a tile for each camera, with its rate, the age of what is shown, and what is wrong with it.
import { make, remember, remembered, say, show } from "../lib/dom.js";
import { seconds } from "../lib/format.js";
import { Picture } from "../lib/picture.js";
import { shape } from "../lib/stage.js";
import { GhostPicture } from "./ghost_picture.js";

const LARGE_FPS = 30;
const SMALL_FPS = 15;
const STALE_S = 0.7;
const OLD_S = 1; // what is older is not shown as live
const LOOK_MS = 500;
const SLOW = 0.5; // of the rate that the rig's file asks for
const SLOW_MS = 4000; // a camera that has just begun counts its first frames

export class Stage {
  /** `on`: { wanted() the pictures that are watched changed, drawn(place) one picture is dealt with, now() the server's clock } */
  constructor(element, cameras, on) {
    Object.assign(this, { element, on, tiles: [], keys: [], large: 0, name: "large", reason: "", liveSince: 0, ghosts: null });
    this.have(cameras);
    document.addEventListener("visibilitychange", () => (this.liveSince = performance.now()));
    setInterval(() => this.tiles.forEach((tile) => this.tell(tile)), LOOK_MS);
  }

  /** Tiles for these cameras, in the order of the rig's hello; nothing happens where they are the same. */
  have(cameras) {
    const keys = cameras.map((camera) => camera.key);
    if (keys.join() === this.keys.join() && this.tiles.length) return;
    this.keys = keys;
    this.tiles = cameras.map((camera, index) => this.tile(camera, index));
    const none = make("div", { class: "camera" }, make("span", { class: "none" }, "No cameras yet: the rig has not connected."));
    this.element.replaceChildren(...(this.tiles.length ? this.tiles.map((tile) => tile.box) : [none]));
    shape(this.element, keys.length);
    const chosen = keys.indexOf(remembered("large-camera", keys[0]));
    this.enlarge(Math.max(0, chosen), false);
    this.ghost(this.ghosts);
  }

  /** Lay pictures over the live ones: `addressOf(camera key)` of each; null takes them away. */
  ghost(addressOf) {
    this.ghosts = addressOf;
    this.tiles.forEach((tile, index) => tile.ghost.show(addressOf?.(this.keys[index]) ?? ""));
  }

  tile(camera, index) {
    const canvas = make("canvas", { width: camera.width ?? 640, height: camera.height ?? 480 });
    const name = camera.name ?? camera.key.split(".").pop();
    const fps = make("span", { class: "num" }, "–");
    const health = make("span", { class: "health", role: "status" });
    const none = make("span", { class: "none" }, "Waiting for video …");
    const ghost = new GhostPicture();
    const box = make("button", { class: "camera", type: "button", title: `${name}: enlarge (${index + 1})` },
      canvas, ghost.image, none, make("span", { class: "name" }, make("b", {}, name), fps), health);
    show(health, false);
    box.addEventListener("click", () => this.enlarge(index));
    return { box, fps, health, none, ghost, name, picture: new Picture(canvas), asked: camera.fps ?? 0, slowSince: 0, saidAt: 0, shown_s: 0, newest_s: 0, sick: "", isLive: false, isOut: false, old_s: OLD_S, delayed: "" };
  }

  enlarge(index, save = true) {
    if (!this.tiles[index]) return;
    this.large = index;
    this.tiles.forEach((tile, i) => tile.box.classList.toggle("is-large", i === index));
    if (save) remember("large-camera", this.keys[index]);
    this.on.wanted();
  }

  layout(name) {
    this.name = name;
    this.element.dataset.layout = name;
    this.on.wanted();
  }

  wanted() {
    const rate = (index) => (this.name === "grid" || index === this.large ? LARGE_FPS : SMALL_FPS);
    return Object.fromEntries(this.keys.map((key, index) => [key, rate(index)]));
  }

  /** A picture of the camera at this place, captured at `captured_s` by the server's clock. */
  draw(index, jpeg, captured_s) {
    const tile = this.tiles[index];
    const done = () => this.on.drawn(index);
    if (!tile) {
      done();
      return;
    }
    tile.newest_s = captured_s;
    if (this.on.now() - captured_s > OLD_S) {
      done();
      return;
    }
    tile.picture.draw(jpeg, () => this.drawn(tile, captured_s), done);
  }

  drawn(tile, captured_s) {
    const now = this.on.now();
    show(tile.none, false);
    tile.shown_s = captured_s;
    if (now - tile.saidAt < 0.5) return;
    tile.saidAt = now;
    say(tile.fps, `${tile.rate ?? "–"} fps · ${Math.max(0, (now - captured_s) * 1000).toFixed(0)} ms old`);
  }

  /** `cameras`: the rig's counters by key; `warnings`: what it says of its devices. */
  health(cameras, warnings) {
    if (this.reason) this.liveSince = performance.now();
    this.reason = "";
    this.tiles.forEach((tile, index) => {
      const key = this.keys[index];
      const counters = cameras[key];
      tile.rate = counters ? Math.round(counters.fps) : "–";
      const { state = "ok", age_s = null, fps = 0 } = counters ?? {};
      // A gap of a few frames is in the numbers; words are for what lasts.
      const hiccup = state === "stale" && age_s < STALE_S;
      const ours = warnings.filter((one) => one.camera === key && !(hiccup && one.code === "stale"));
      const texts = ours.map((one) => one.text);
      if (!texts.length && state === "lost") texts.push(`Camera ${tile.name} is not available`);
      if (this.isSlow(tile, fps, counters && state !== "lost") && !texts.length) texts.push(`Camera ${tile.name} gives ${tile.rate} of ${+tile.asked.toFixed(2)} fps`);
      const lasting = (state === "stale" || state === "lost") && age_s ? ` (no image for ${seconds(age_s)})` : "";
      tile.sick = texts.length ? texts.join(". ") + (hiccup ? "" : lasting) : "";
      tile.isOut = state === "lost" || (state === "stale" && !hiccup);
      tile.box.classList.toggle("is-gone", state === "lost");
      tile.isLive = state === "ok" && fps > 0;
      tile.old_s = OLD_S + (fps > 0 ? 3 / fps : 0);
      this.tell(tile);
    });
  }

  /** It has given far less than it should for a while. */
  isSlow(tile, fps, isThere) {
    const now = performance.now();
    if (!isThere || fps >= SLOW * tile.asked) tile.slowSince = 0;
    else tile.slowSince ||= now;
    return tile.slowSince > 0 && now - tile.slowSince > SLOW_MS;
  }

  /** No camera is live, for this reason. */
  gone(reason) {
    this.reason = reason;
    this.tiles.forEach((tile) => this.tell(tile));
  }

  /** What stands on a tile: why nothing live is shown, or what is wrong with what is shown. */
  tell(tile) {
    const text = this.trouble(tile);
    const isOld = Boolean(this.reason || tile.delayed);
    tile.box.classList.toggle("is-sick", Boolean(text));
    tile.box.classList.toggle("is-old", isOld);
    if (isOld || tile.isOut) say(tile.fps, "");
    else if (tile.shown_s && this.on.now() - tile.shown_s > tile.old_s) say(tile.fps, `${tile.rate ?? "–"} fps`); // its age was of then
    show(tile.health, Boolean(text));
    say(tile.health, text);
    say(tile.none, text ? "No image" : "Waiting for video …");
  }

  trouble(tile) {
    tile.delayed = "";
    if (this.reason) return tile.shown_s ? `${this.reason} – last image` : this.reason;
    if (tile.sick || !tile.isLive || document.hidden) return tile.sick;
    const newest_s = Math.max(tile.shown_s, tile.newest_s);
    const age_s = this.on.now() - tile.shown_s;
    if (!newest_s || age_s <= tile.old_s || performance.now() - this.liveSince < 2 * OLD_S * 1000) return "";
    tile.delayed = tile.shown_s ? `Camera to browser delayed – image is ${age_s.toFixed(1)} s old` : "Camera to browser delayed";
    return tile.delayed;
  }
}
