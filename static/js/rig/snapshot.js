// A picture of a camera, taken when somebody asks for it: the camera is opened, read once and released.
import { call } from "../lib/api.js";
import { make, say, show } from "../lib/dom.js";

export class Snapshot {
  constructor(base, device) {
    Object.assign(this, { base, device, holder: "" });
    this.image = make("img", { alt: `Picture of ${device.name || device.node}`, hidden: true });
    this.words = make("span", { class: "small faint", role: "status" });
    this.button = make("button", { class: "button small", type: "button", "aria-label": `Show picture of ${device.name || device.node}` }, "Show picture");
    this.button.addEventListener("click", () => this.take());
    this.box = make("div", { class: "snapshot" }, this.image, make("div", { class: "snapshot-words" }, this.words, this.button));
  }

  async take() {
    this.button.setAttribute("aria-busy", "true");
    this.button.disabled = true;
    say(this.words, "Opening …");
    try {
      const { jpeg, width, height } = await call("POST", `${this.base}/preview`, { url: this.device.url });
      this.image.src = `data:image/jpeg;base64,${jpeg}`;
      say(this.words, `${width}×${height}`);
      say(this.button, "Again");
      show(this.image, true);
    } catch (error) {
      say(this.words, error.message);
    } finally {
      this.button.disabled = false;
      this.button.removeAttribute("aria-busy");
    }
  }
}
