// The emergency stop: asked for over the socket and by a request at once, again until the rig confirms it. Its key works
// everywhere on the page, also in a field and over a dialog; nothing else that the page does is waited for.
import { call } from "../lib/api.js";
import { say, show } from "../lib/dom.js";
import { newId } from "../lib/ids.js";

const CONFIRMED_WITHIN_MS = 1000;
const AGAIN_MS = 500;
const TRIES = 20;
const WORDS = { "": "Emergency stop", asked: "Stopping …", alarm: "Not confirmed", stopped: "Stopped" };

export class Emergency {
  /** `send(message)` sends over the live socket, if that is open. */
  constructor(desk, send) {
    Object.assign(this, { url: `${desk.dataset.api}/commands/emergency_stop`, send, state: "", timer: 0, tries: 0, id: "" });
    this.box = document.getElementById("estop");
    this.alarm = document.getElementById("estop-alarm");
    this.button = this.box.querySelector("button");
    this.button.addEventListener("click", () => this.press());
    document.getElementById("estop-close").addEventListener("click", () => show(this.alarm, false));
    window.addEventListener("keydown", (event) => this.key(event), { capture: true });
    const early = window.continueStop?.();
    if (early) this.press(early);
  }

  key(event) {
    if (event.key !== "Escape" || !event.shiftKey || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (!event.repeat) this.press();
  }

  press(id = newId()) {
    clearInterval(this.timer);
    this.tries = 0;
    this.id = id; // the rig knows by it that what comes by both ways, or again, is one press
    this.move("asked");
    this.ask();
    this.timer = setInterval(() => this.ask(), AGAIN_MS);
    setTimeout(() => this.state === "asked" && this.move("alarm"), CONFIRMED_WITHIN_MS);
  }

  ask() {
    this.tries += 1;
    if (this.tries > TRIES) clearInterval(this.timer);
    const id = this.id;
    this.send({ type: "emergency_stop", id });
    // A stop that was not confirmed is shown in large letters; any other reason is news.
    const why = (error) => error.code !== "no_answer" && say(document.getElementById("estop-why"), error.message);
    call("POST", this.url, { id }).then((reply) => this.answered(reply), why);
  }

  answered(reply) {
    if (reply.ok && reply.id === this.id) this.confirmed();
  }

  confirmed() {
    clearInterval(this.timer);
    if (this.state) this.move("stopped");
  }

  /** What the rig says itself; somebody else may have stopped it, or cleared the error. */
  show({ error, online = true }) {
    const isStopped = error?.code === "emergency_stop";
    show(this.box, online || Boolean(this.state));
    if (isStopped) {
      this.state ||= "stopped";
      this.confirmed();
      this.wasShown = true;
    } else if (this.state === "stopped" && this.wasShown) {
      this.wasShown = false;
      this.move("");
    }
  }

  move(state) {
    this.state = state;
    this.box.dataset.stop = state;
    say(this.box.querySelector("[data-stop-words]"), WORDS[state]);
    show(this.alarm, state === "alarm");
  }
}
