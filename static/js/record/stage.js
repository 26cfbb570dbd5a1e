// Live pictures: a tile for each camera, with its rate, the age of what is shown, and what is wrong with it.
import { make, remember, remembered, say, show } from "../lib/dom.js";
import { Picture } from "../lib/picture.js";
import { shape } from "../lib/stage.js";

const LARGE_FPS = 30;
const SMALL_FPS = 15;
const STALE_S = 0.7;
const SICK = {
  stale: "No new picture",
  frozen: "The same picture again and again",
  black: "Black picture: is the lens covered?",
  flat: "Flat picture: no detail",
  lost: "Camera lost: check its cable",
};

export class Stage {
  constructor(element, cameras, onWanted) {
    Object.assign(this, { element, onWanted, tiles: [], keys: [], large: 0, name: "large" });
    this.have(cameras);
  }

  /** Tiles for these cameras, in the order of the rig's hello; nothing happens where they are the same. */
  have(cameras) {
    const keys = cameras.map((camera) => camera.key);
    if (keys.join() === this.keys.join() && this.tiles.length) return;
    this.keys = keys;
    this.tiles = cameras.map((camera, index) => this.tile(camera, index));
    const none = make("div", { class: "camera" }, make("span", { class: "none" }, "No camera yet: the rig has not connected."));
    this.element.replaceChildren(...(this.tiles.length ? this.tiles.map((tile) => tile.box) : [none]));
    shape(this.element, keys.length);
    const chosen = keys.indexOf(remembered("large-camera", keys[0]));
    this.enlarge(Math.max(0, chosen), false);
  }

  tile(camera, index) {
    const canvas = make("canvas", { width: camera.width ?? 640, height: camera.height ?? 480 });
    const name = camera.name ?? camera.key.split(".").pop();
    const fps = make("span", { class: "num" }, "–");
    const health = make("span", { class: "health", role: "status" });
    const none = make("span", { class: "none" }, "waiting for a picture …");
    const box = make("button", { class: "camera", type: "button", title: `${name}: make it large (${index + 1})` },
      canvas, none, make("span", { class: "name" }, make("b", {}, name), fps), health);
    show(health, false);
    box.addEventListener("click", () => this.enlarge(index));
    return { box, fps, health, none, name, picture: new Picture(canvas), times: [], ageMs: 0, wantedFps: 0, saidAt: 0 };
  }

  enlarge(index, save = true) {
    if (!this.tiles[index]) return;
    this.large = index;
    this.tiles.forEach((tile, i) => tile.box.classList.toggle("is-large", i === index));
    if (save) remember("large-camera", this.keys[index]);
    this.onWanted();
  }

  layout(name) {
    this.name = name;
    this.element.dataset.layout = name;
    this.onWanted();
  }

  wanted() {
    const rate = (index) => (this.name === "grid" || index === this.large ? LARGE_FPS : SMALL_FPS);
    return Object.fromEntries(this.keys.map((key, index) => [key, rate(index)]));
  }

  draw(index, jpeg, capturedAt) {
    const tile = this.tiles[index];
    tile?.picture.draw(jpeg, () => {
      const now = Date.now() / 1000;
      show(tile.none, false);
      tile.ageMs = Math.max(0, (now - capturedAt) * 1000);
      if (now - tile.saidAt < 0.5) return;
      tile.saidAt = now;
      say(tile.fps, `${tile.rate ?? "–"} fps · ${tile.ageMs < 1000 ? `${tile.ageMs.toFixed(0)} ms` : `${(tile.ageMs / 1000).toFixed(1)} s`} old`);
    });
  }

  /** `cameras`: the rig's counters by key; null where the rig is not there. */
  health(cameras) {
    this.tiles.forEach((tile, index) => {
      const said = cameras?.[this.keys[index]];
      tile.rate = said ? Math.round(said.fps) : "–";
      // A gap of a few frames is in the numbers; words are for what lasts.
      const hiccup = said?.state === "stale" && said.age_s < STALE_S;
      const sick = cameras ? (hiccup ? "" : SICK[said?.state] ?? "") : "The rig is offline: this picture is old";
      const old = said && (said.state === "stale" || said.state === "lost") && said.age_s ? ` for ${said.age_s.toFixed(1)} s` : "";
      tile.box.classList.toggle("is-sick", Boolean(sick));
      show(tile.health, Boolean(sick));
      say(tile.health, sick ? `${tile.name}: ${sick}${old}` : "");
    });
  }
}
