// On a phone one camera is shown: a tap plays and pauses, a swipe or a name shows another camera.
import { make } from "../lib/dom.js";

const NARROW = window.matchMedia("(max-width: 760px)"); // as in stage.css
const SWIPE_PX = 48;

export class OneCamera {
  constructor(player) {
    Object.assign(this, { player, stage: player.stage, from: null });
    this.names = make("div", { class: "segments camera-names", role: "group", "aria-label": "Camera shown" });
    const { element } = this.stage;
    element.after(this.names);
    element.addEventListener("large", () => this.show());
    element.addEventListener("pointerdown", (event) => (this.from = event));
    element.addEventListener("pointerup", (event) => this.released(event));
    element.addEventListener("click", (event) => this.clicked(event));
  }

  get isOne() {
    return NARROW.matches && this.stage.name === "large";
  }

  /** A button for each camera; none for one alone. */
  show() {
    const { keys, large } = this.stage;
    if (this.keys !== keys) {
      this.keys = keys;
      const named = keys.length > 1 ? keys : [];
      this.names.replaceChildren(...named.map((key, index) => {
        const button = make("button", { type: "button" }, key.split(".").pop());
        button.addEventListener("click", () => this.stage.enlarge(index));
        return button;
      }));
    }
    [...this.names.children].forEach((button, index) => button.setAttribute("aria-pressed", String(index === large)));
  }

  released({ clientX, clientY, pointerId }) {
    const { from } = this;
    this.from = null;
    if (!from || from.pointerId !== pointerId || !this.isOne) return;
    const [right, down] = [clientX - from.clientX, clientY - from.clientY];
    if (Math.abs(right) < SWIPE_PX || Math.abs(right) < Math.abs(down)) return;
    this.swiped = true; // its click, where one follows, is not a tap
    setTimeout(() => (this.swiped = false));
    const { keys, large } = this.stage;
    this.stage.enlarge((large + (right < 0 ? 1 : keys.length - 1)) % keys.length);
  }

  clicked({ target }) {
    if (this.isOne && !this.swiped && target.closest(".camera.is-large")) this.player.toggle();
  }
}
