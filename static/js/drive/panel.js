// The panel: a slider for each joint, the large button, who drives, and how long an answer takes.
import { make, say, show } from "../lib/dom.js";

const PRESSING = [" ", "Enter"];
const SAYING_EVERY_MS = 300; // numbers that jump cannot be read
const FREE_ANSWERS = 2; // in a row end a question: a driver of whom one message is late takes none from under a finger

export class Panel {
  /** `on`: { hold(source, on), target(name, value) whether it counts, takeOver() } */
  constructor(section, on) {
    Object.assign(this, { section, on, rows: [], saidAt: 0, answer: null, free: FREE_ANSWERS, pointers: new Map() });
    this.find = (name) => section.querySelector(`[data-drive="${name}"]`);
    this.button = this.find("hold");
    this.listen();
    this.find("take-over").addEventListener("click", () => this.ask(true));
    this.find("cancel").addEventListener("click", () => this.ask(false));
    this.find("confirm").addEventListener("click", () => {
      this.ask(false);
      on.takeOver();
      this.button.focus();
    });
  }

  listen() {
    const { button, on } = this;
    button.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      this.press("button", event);
      button.setPointerCapture(event.pointerId);
    });
    button.addEventListener("lostpointercapture", () => on.hold("button", false));
    button.addEventListener("contextmenu", (event) => event.preventDefault());
    button.addEventListener("keydown", (event) => {
      if (!PRESSING.includes(event.key)) return;
      event.preventDefault();
      if (!event.repeat) on.hold("press", true);
    });
    button.addEventListener("blur", () => on.hold("press", false));
    // On the window: a control that is disabled while it is pressed hears of no release.
    window.addEventListener("keyup", ({ key }) => PRESSING.includes(key) && on.hold("press", false), { capture: true });
    for (const end of ["pointerup", "pointercancel"]) window.addEventListener(end, (event) => this.lift(event), { capture: true });
    window.addEventListener("pointermove", (event) => event.buttons === 0 && this.lift(event), { capture: true });
  }

  /** Held until this pointer is lifted, wherever that is. A pointer that comes down was up: it counts. */
  press(source, { pointerId }) {
    this.pointers.set(pointerId, source);
    this.on.hold(source, false);
    this.on.hold(source, true);
  }

  lift({ pointerId }) {
    const source = this.pointers.get(pointerId);
    this.pointers.delete(pointerId);
    if (source) this.on.hold(source, false);
  }

  have(joints) {
    this.rows = joints.map((joint) => this.row(joint));
    this.find("joints").replaceChildren(...this.rows.map((row) => row.box));
    show(this.section, joints.length > 0);
  }

  row(joint) {
    const { name, label = name, low, high, unit = "", keys = [] } = joint;
    const step = (high - low) / 500;
    const slider = make("input", { type: "range", min: low, max: high, step, value: joint.velocity ? 0 : low, "aria-label": label });
    const value = make("output", { class: "num" }, "–");
    const hints = keys.map((key) => make("kbd", {}, key.toUpperCase()));
    const row = { joint, slider, value, unit, grabbed: false };
    row.box = make("div", { class: "joint" }, make("span", { class: "joint-name clip", title: name }, label), make("span", { class: "joint-keys" }, ...hints), value, slider);
    slider.addEventListener("pointerdown", (event) => {
      row.grabbed = true;
      if (event.pointerType === "mouse" && event.button === 0) this.press("slider", event); // a finger may be scrolling
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) {
      slider.addEventListener(end, () => {
        row.grabbed = false;
        this.on.hold("slider", false);
      });
    }
    slider.addEventListener("input", () => this.on.target(name, Number(slider.value)));
    return row;
  }

  letGo() {
    for (const row of this.rows) row.grabbed = false;
  }

  ask(on) {
    show(this.find("question"), on);
    show(this.find("take-over"), !on);
    if (on) this.find("cancel").focus();
  }

  pad(name) {
    say(this.find("pad"), name ? `Gamepad: ${name.replace(/\s*\(.*$/, "")}` : "");
    show(this.find("pad"), Boolean(name));
  }

  show(answer, now) {
    const drives = answer.state === "driving" && now.held;
    const { isOut } = now;
    const isTaken = Boolean(answer.driver) && !answer.yours;
    this.section.dataset.state = drives ? "driving" : isOut ? "out" : isTaken ? "taken" : now.held ? "waiting" : "free";
    say(this.find("words"), words(answer, now));
    say(this.find("hold-words"), drives ? "Let go to stop" : now.armed ? "Hold to take over" : "Hold to drive");
    this.button.setAttribute("aria-pressed", String(now.held));
    this.button.setAttribute("aria-disabled", String(isOut)); // a disabled one would lose the focus and the release
    if (isTaken) say(this.find("asked"), `${answer.driver} is driving now. The robot stops and follows you.`);
    if (answer !== this.answer) this.free = isTaken ? 0 : this.free + 1;
    this.answer = answer;
    const isAsked = !isOut && !answer.yours && this.free < FREE_ANSWERS;
    if (!isAsked) this.ask(false);
    show(this.find("taken"), isAsked && !now.armed);
    for (const row of this.rows) row.slider.disabled = isOut;
    this.values(answer.at, now);
    if (performance.now() - this.saidAt < SAYING_EVERY_MS && !isOut) return;
    this.saidAt = performance.now();
    say(this.find("latency"), isOut || now.latency === null ? "" : `${Math.round(now.latency)} ms`);
  }

  /** Sliders follow the robot, except one that shows where it is to go. */
  values(at, { targets }) {
    this.rows.forEach((row, index) => {
      const value = at?.[index];
      const { name, velocity } = row.joint;
      if (typeof value !== "number") return;
      say(row.value, `${value.toFixed(1)}${row.unit ? ` ${row.unit}` : ""}`);
      if (!row.grabbed && !(name in targets)) row.slider.value = velocity ? 0 : value;
    });
  }
}

function words({ state, driver, yours, text }, { held, taken, armed, latency }) {
  if (state === "lost") return "No connection";
  if (state === "silent") return "The rig does not answer";
  if (state === "offline") return "The rig is offline";
  if (state === "invalid") return text || "The rig refuses this page: reload it";
  if (state === "late" && held) return latency > 400 ? `Too slow to drive: ${Math.round(latency)} ms to the rig` : "Connecting …";
  if (state === "release" || (taken && !held)) return "Let go, then hold again";
  if (driver && !yours) return armed ? `Hold to take over from ${driver}` : `${driver} drives`;
  if (driver && held) return "You drive";
  return "Nobody drives";
}
