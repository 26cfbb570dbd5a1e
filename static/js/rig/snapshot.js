// The live picture of a camera, one after the other, with what turns and pauses it.
import { call } from "../lib/api.js";
import { make, say, show } from "../lib/dom.js";

/** These pass by themselves: the last picture stays. */
const PASSING = new Set(["busy", "too_many"]);

export class Snapshot {
  /** `device.ask` is what to post for a picture, {path, body}; without it, `preview` of its url. `rotate()` turns the camera by a quarter, `seen()` hears of each picture; `looking` asks for them. */
  constructor(base, device, looking, { rotate, seen }) {
    Object.assign(this, { base, device, looking, seen, isLive: true, angle: 0 });
    const name = device.name || device.node;
    this.image = make("img", { alt: `Picture of ${name}`, hidden: true });
    this.words = make("span", { class: "small faint", role: "status" }, "Opening …");
    this.pause = make("button", { class: "button small", type: "button", id: `pause-${device.url}`, "aria-label": `Pause the picture of ${name}` }, "Pause");
    this.pause.addEventListener("click", () => this.toggle(name));
    this.turn = make("button", { class: "button small", type: "button", id: `rotate-${device.url}` }, "Rotate");
    this.turn.addEventListener("click", rotate);
    show(this.turn, Boolean(rotate));
    const buttons = make("div", { class: "snapshot-buttons" }, this.turn, this.pause);
    this.box = make("div", { class: "snapshot" }, this.image, make("div", { class: "snapshot-words" }, this.words, buttons));
    this.rotate(0);
    looking.add(this);
  }

  rotate(angle) {
    this.angle = angle;
    this.image.dataset.turn = angle;
    this.turn.setAttribute("aria-label", `Rotate the picture of ${this.device.name || this.device.node}, now ${angle} degrees`);
    if (!this.image.hidden) this.tell();
  }

  tell() {
    const state = this.isLive ? "Live" : "Paused";
    say(this.words, this.angle ? `${state} · ${this.angle}°` : state);
  }

  toggle(name) {
    this.isLive = !this.isLive;
    say(this.pause, this.isLive ? "Pause" : "Resume");
    this.pause.setAttribute("aria-label", `${this.isLive ? "Pause" : "Resume"} the picture of ${name}`);
    if (!this.image.hidden || !this.isLive) this.tell();
    else say(this.words, "Opening …");
    this.looking.hurry(this);
  }

  /** Show the camera's newest picture; return the code of a refusal, if it is one. */
  async take() {
    try {
      const { path, body } = this.device.ask ?? { path: "preview", body: { url: this.device.url } };
      const { jpeg } = await call("POST", `${this.base}/${path}`, body);
      if (!this.isLive) return "";
      this.image.src = `data:image/jpeg;base64,${jpeg}`;
      show(this.image, true);
      this.tell();
      this.seen();
      return "";
    } catch (error) {
      if (this.isLive && !PASSING.has(error.code)) {
        show(this.image, false);
        say(this.words, error.message);
      }
      return error.code || "failed";
    }
  }
}
