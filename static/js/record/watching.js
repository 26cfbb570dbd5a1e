// While the robot plays a recording, this page says that it shows it: the robot stops once no page does.
// A page behind another one, or on a locked screen, shows nothing: nobody could stop the robot there.
import { Link } from "../lib/socket.js";

const EVERY_MS = 500;
const WAITING_BYTES = 4096; // a connection that does not get rid of them is not fed with more

export class Watching {
  constructor(path) {
    Object.assign(this, { path, link: null, timer: 0, seq: 0, clock: null });
    document.addEventListener("visibilitychange", () => this.say());
    window.addEventListener("pagehide", () => this.end());
  }

  show({ state, online = true }) {
    const isPlaying = online && state === "replaying";
    if (isPlaying && !this.link) this.begin();
    if (!isPlaying && this.link) this.end();
  }

  begin() {
    this.link = new Link(this.path, { open: () => this.opened(), text: (message) => message.type === "watching" && this.hear(message) });
    this.timer = setInterval(() => this.say(), EVERY_MS);
  }

  opened() {
    this.clock = null;
    this.say();
  }

  /** Each message has the rig's newest clock: so nothing that was held up on its way counts. */
  hear({ clock }) {
    if (typeof clock !== "number") return;
    const isFirst = this.clock === null;
    this.clock = clock;
    if (isFirst) this.say();
  }

  say() {
    if (document.hidden || !this.link?.isOpen || this.link.socket.bufferedAmount > WAITING_BYTES) return;
    this.seq += 1;
    this.link.send({ type: "watching", seq: this.seq, echo: this.clock });
  }

  end() {
    clearInterval(this.timer);
    this.link?.end();
    this.link = null;
  }
}
