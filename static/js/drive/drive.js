// Drive a robot from this page. The rig decides who drives, how fast, and when it stops; this only says what is asked.
import { Link } from "../lib/socket.js";
import { Keys } from "./keys.js";
import { Pad } from "./pad.js";
import { Panel } from "./panel.js";

const EVERY_MS = 50;
const IDLE_EVERY = 10; // of these, while nobody holds
const UNANSWERED_MS = 2000;
const ARMED_MS = 10_000;
const WAITING_BYTES = 4096; // a connection that does not get rid of them is not fed with more
const KEPT = 100;
const OUT = ["lost", "silent", "offline"];

export class Drive {
  constructor(section) {
    Object.assign(this, { section, joints: [], seq: 0, clock: null, sent: new Map(), held: new Set(), taken: new Set(), targets: {}, armedAt: -ARMED_MS });
    Object.assign(this, { beats: 0, latency: null, heardAt: 0, link: null, answer: { state: "lost" } });
    this.panel = new Panel(section, {
      hold: (source, on) => this.hold(source, on),
      target: (name, value) => this.target(name, value),
      takeOver: () => this.takeOver(),
    });
    this.keys = new Keys({ hold: (source, on) => this.hold(source, on), isHeld: () => this.held.size > 0 });
    this.pad = new Pad();
    setInterval(() => this.beat(), EVERY_MS);
    for (const event of ["blur", "pagehide"]) window.addEventListener(event, () => this.letGo());
    document.addEventListener("visibilitychange", () => this.letGo());
    window.addEventListener("pagehide", () => this.link?.end());
  }

  /** What the rig says of itself: whether a page drives it, and by which joints. */
  have({ inputs }) {
    const described = inputs?.teleoperator;
    const text = JSON.stringify(described ?? null);
    if (text === this.described) return;
    this.described = text;
    this.joints = (described?.joints ?? []).filter((joint) => joint.name && joint.high > joint.low);
    this.keys.have(this.joints);
    this.pad.have(this.joints, described?.hold_button ?? -1);
    this.panel.have(this.joints);
    this.letGo();
    if (this.joints.length && !this.link) this.connect();
    if (!this.joints.length) {
      this.link?.end();
      this.link = null;
    }
  }

  connect() {
    this.link = new Link(this.section.dataset.socket, {
      open: () => this.begin(),
      text: (message) => message.type === "drive" && this.hear(message),
      closed: () => this.lost(),
    });
  }

  begin() {
    this.clock = null;
    this.sent.clear();
    this.heardAt = performance.now();
    this.send();
  }

  hear(answer) {
    const sentAt = this.sent.get(answer.seq);
    if (sentAt !== undefined) this.latency = performance.now() - sentAt;
    for (const seq of [...this.sent.keys()]) if (seq <= answer.seq) this.sent.delete(seq);
    if (typeof answer.clock === "number") this.clock = answer.clock;
    this.heardAt = performance.now();
    this.answer = answer;
    if (answer.state === "driving") this.armedAt = -ARMED_MS;
    if (answer.state === "offline") this.letGo();
    this.show();
  }

  lost() {
    this.letGo();
    this.answer = { state: "lost" };
    this.latency = null;
    this.show();
  }

  /** The person holds, by this source, or has let go of it. Nothing that was asked before holds on. */
  hold(source, on) {
    if (!on && this.taken.delete(source)) this.show();
    if (on && (this.isOut || this.taken.has(source))) {
      this.taken.add(source);
      return;
    }
    if (!this.joints.length || this.held.has(source) === on) return;
    const was = this.held.size > 0;
    if (on) this.held.add(source);
    else this.held.delete(source);
    const is = this.held.size > 0;
    if (was === is) return;
    this.targets = {};
    if (!is) this.keys.clear();
    this.send();
    this.show();
  }

  /** What is held counts for nothing until it was seen released: nothing moves by itself when the rig is back. */
  letGo() {
    for (const source of [...this.held]) {
      this.hold(source, false);
      this.taken.add(source);
    }
    this.panel.letGo();
  }

  get isOut() {
    return OUT.includes(this.answer.state);
  }

  target(name, value) {
    if (!this.held.size) return false;
    this.targets[name] = value;
    return true;
  }

  /** The next hold takes the place of who drives now. */
  takeOver() {
    this.armedAt = performance.now();
    this.show();
  }

  get isArmed() {
    return performance.now() - this.armedAt < ARMED_MS;
  }

  beat() {
    if (!this.link) return;
    this.hold("pad", this.pad.isHeld());
    this.panel.pad(this.pad.name);
    this.beats += 1;
    if (this.held.size || this.beats % IDLE_EVERY === 0) this.send();
    if (this.link.isOpen && performance.now() - this.heardAt > UNANSWERED_MS) {
      this.letGo();
      this.answer = { state: "silent" };
      this.show();
    }
  }

  send() {
    if (!this.link?.isOpen || this.link.socket.bufferedAmount > WAITING_BYTES) return;
    const hold = this.held.size > 0;
    const rates = hold ? { ...this.keys.rates(), ...(this.held.has("pad") ? this.pad.rates() : {}) } : {};
    for (const name of Object.keys(rates)) delete this.targets[name];
    this.seq += 1;
    this.sent.set(this.seq, performance.now());
    if (this.sent.size > KEPT) this.sent.delete(this.sent.keys().next().value);
    this.link.send({ type: "drive", seq: this.seq, hold, take_over: hold && this.isArmed, echo: this.clock, targets: hold ? this.targets : {}, rates });
  }

  show() {
    this.panel.show(this.answer, { held: this.held.size > 0, taken: this.taken.size > 0, isOut: this.isOut, armed: this.isArmed, latency: this.latency, targets: this.targets });
  }
}
