// The player's pictures: one canvas a camera, all drawn from one bundle.
import { make, remember, remembered, say } from "../lib/dom.js";
import { Picture } from "../lib/picture.js";
import { shape } from "../lib/stage.js";

export class Stage {
  constructor(element) {
    Object.assign(this, { element, tiles: [], keys: null, name: "large", large: 0, onLarge: null });
  }

  /** Canvases for these cameras; the same ones stay, so that the next take does not flicker. */
  have(cameras, lacking = false) {
    const keys = cameras.map((camera) => camera.key);
    if (keys.join() === this.keys?.join()) return;
    this.keys = keys;
    this.tiles = cameras.map((camera, index) => {
      const canvas = make("canvas", { width: camera.width, height: camera.height, role: "img", "aria-label": `Camera ${camera.name}` });
      const lack = make("span", { class: "num" });
      const box = make("button", { class: "camera", type: "button", title: `${camera.name}: enlarge (${index + 1})` },
        canvas, make("span", { class: "name" }, make("b", {}, camera.name), lack));
      box.addEventListener("click", () => this.enlarge(index));
      return { box, lack, picture: new Picture(canvas) };
    });
    const none = make("div", { class: "camera" }, make("span", { class: "none" }, lacking ? "No camera of this episode has frames." : "This episode has no cameras."));
    this.element.replaceChildren(...(keys.length ? this.tiles.map((tile) => tile.box) : [none]));
    shape(this.element, keys.length);
    this.enlarge(Math.max(0, keys.indexOf(remembered("large-camera", keys[0]))), false);
  }

  get largeKey() {
    return this.keys?.[this.large] ?? "";
  }

  /** The canvas of the large picture; none where there is no camera. */
  get largeCanvas() {
    return this.tiles[this.large]?.picture.canvas;
  }

  enlarge(index, save = true) {
    if (!this.tiles[index]) return;
    this.large = index;
    this.tiles.forEach((tile, i) => tile.box.classList.toggle("is-large", i === index));
    if (save) remember("large-camera", this.keys[index]);
    this.onLarge?.(this.keys[index]);
    this.element.dispatchEvent(new Event("large"));
  }

  layout(name) {
    this.name = name;
    this.element.dataset.layout = name;
    remember("stage", name);
    for (const button of document.querySelectorAll("[data-layout-to]")) {
      button.setAttribute("aria-pressed", String(button.dataset.layoutTo === name));
    }
  }

  /** `pictures`: [camera's index, bitmap] of one frame; a camera without one says so. */
  show(pictures) {
    const had = new Set();
    for (const [index, bitmap] of pictures) {
      const tile = this.tiles[index];
      if (!tile) continue;
      tile.picture.put(bitmap);
      had.add(index);
    }
    this.tiles.forEach((tile, index) => say(tile.lack, had.has(index) ? "" : "no image here"));
  }
}
