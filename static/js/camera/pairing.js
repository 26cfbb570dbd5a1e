// On the tile of a browser camera that sends nothing: the code that makes a phone that camera. One that sends can be
// cut off.
import { call } from "../lib/api.js";
import { make, say, show } from "../lib/dom.js";
import { toast } from "../lib/toast.js";

const RENEW_EARLY_S = 60;
const AGAIN_S = 10;

export class Pairing {
  /** `box`: where links for this device stand; its data-base is where their pages are, data-api the rig. */
  constructor(stage, box) {
    Object.assign(this, { stage, box, overlays: new Map(), links: "" });
  }

  show({ online, inputs, counters }) {
    const cameras = online === false ? [] : inputs?.cameras ?? [];
    const lost = cameras.filter((key) => counters?.cameras?.[key]?.state === "lost");
    this.stage.keys.forEach((key, index) => this.overlay(this.stage.tiles[index], key, lost.includes(key)));
    this.link(cameras, lost);
  }

  name(key) {
    return encodeURIComponent(key.split(".").pop());
  }

  link(cameras, lost) {
    const state = cameras.map((key) => `${key} ${lost.includes(key)}`).join();
    if (state === this.links) return;
    this.links = state;
    const here = (key) => make("a", { class: "button small", href: `${this.box.dataset.base}${this.name(key)}/`, target: "_blank" }, `Use this device as ${key.split(".").pop()}`);
    const away = (key) => {
      const button = make("button", { class: "button small", type: "button" }, `Unpair ${key.split(".").pop()}`);
      button.addEventListener("click", () => this.unpair(button, key));
      return button;
    };
    this.box.replaceChildren(...cameras.map((key) => (lost.includes(key) ? here(key) : away(key))));
    show(this.box, cameras.length > 0);
  }

  async unpair(button, key) {
    button.disabled = true;
    try {
      const { ended } = await call("DELETE", `${this.box.dataset.api}/cameras/${this.name(key)}/pair`);
      toast(ended ? "The phone is no longer paired. Its pictures end within 10 seconds." : "No phone is paired: somebody who is signed in sends these pictures.");
    } catch (error) {
      toast(error.message, { bad: true });
    }
    button.disabled = false;
  }

  overlay(tile, key, isLost) {
    let one = this.overlays.get(key);
    if (isLost && (!one || one.tile !== tile)) {
      const image = make("img", { alt: "", width: 164, height: 164, hidden: true });
      const words = make("span", {}, "One moment …");
      one = { tile, image, words, until: 0, box: make("span", { class: "pair" }, image, words) };
      tile.box.append(one.box);
      this.overlays.set(key, one);
    }
    if (!one) return;
    show(one.box, isLost);
    if (isLost && performance.now() > one.until) this.fetch(one, key);
  }

  async fetch(one, key) {
    one.until = performance.now() + AGAIN_S * 1000;
    try {
      const { svg, seconds, hint } = await call("POST", `${this.box.dataset.api}/cameras/${this.name(key)}/pair`);
      one.until = performance.now() + (seconds - RENEW_EARLY_S) * 1000;
      one.image.src = `data:image/svg+xml,${encodeURIComponent(svg)}`;
      one.image.alt = "Code that makes a phone this camera";
      show(one.image, true);
      say(one.words, hint || "Scan with the phone that is this camera");
    } catch (error) {
      show(one.image, false);
      say(one.words, error.message);
    }
  }
}
