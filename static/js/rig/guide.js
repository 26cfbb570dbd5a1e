// A guided calibration: the program says each step by an escape sequence of the terminal (devices/lerobot/guide.py), and
// this shows it with live bars. The terminal beside it shows the same in LeRobot's words; the buttons type the answers.
import { make, say, show } from "../lib/dom.js";

const SEQUENCE = 7377;
const VERSION = 1;
const TITLES = {
  choice: "This arm has been calibrated before",
  middle: "Move every joint to the middle of its range",
  ranges: "Move each joint through its whole range",
};
const HELP = {
  choice: "Use the known calibration again, or make a new one: the known one is kept beside it.",
  middle: "The arm is then half way between all of its stops. Full turns have no middle: leave them straight.",
  ranges: "One after the other, from stop to stop, until its bar no longer grows.",
};
const TURNS = ["middle", "ranges"];
const WIDE = 0.05; // of a turn: a joint that moved less has hardly been moved

export class Guide {
  /** `box` shows the steps; `answers` are the buttons that answer. */
  constructor(box, answers) {
    Object.assign(this, { box, answers, step: "", rows: new Map() });
    this.title = box.querySelector("h2");
    this.text = box.querySelector("[data-guide-text]");
    this.problem = box.querySelector("[data-guide-problem]");
    this.table = box.querySelector("table");
  }

  attach(terminal) {
    terminal.parser.registerOscHandler(SEQUENCE, (data) => this.hear(data));
  }

  hear(data) {
    let step = null;
    try {
      step = JSON.parse(data);
    } catch {
      return false; // it is not a sequence of ours
    }
    if (step?.v !== VERSION || !Array.isArray(step.joints)) return false;
    this.show(step);
    return true;
  }

  show({ step, arm, text, back, problem, joints }) {
    const turn = TURNS.indexOf(step);
    const count = turn < 0 ? "" : `${turn + 1} of ${TURNS.length} · `;
    say(this.title, `${arm ? `${arm[0].toUpperCase()}${arm.slice(1)}: ` : ""}${count}${TITLES[step] ?? "LeRobot asks"}`);
    say(this.text, HELP[step] ?? text);
    say(this.problem, problem ? `${problem}.` : "");
    show(this.problem, Boolean(problem));
    show(this.box, true);
    this.offer(step, back);
    this.draw(joints);
  }

  /** Only what answers this step; the focus stays in the row. */
  offer(step, back) {
    const { go, fresh, before } = this.buttons();
    const focused = document.activeElement;
    say(go.firstChild, step === "choice" ? "Use the known one " : "Continue ");
    show(fresh, step === "choice");
    show(before, back);
    if (focused?.hidden) go.focus();
  }

  buttons() {
    const of = (types) => this.answers.querySelector(`[data-types="${types}"]`);
    return { go: of(""), fresh: of("c"), before: of("b") };
  }

  draw(joints) {
    show(this.table, joints.length > 0);
    const names = joints.map((joint) => joint.name);
    if (names.join() !== [...this.rows.keys()].join()) {
      this.rows = new Map(names.map((name) => [name, row(name)]));
      this.table.tBodies[0].replaceChildren(...[...this.rows.values()].map((one) => one.line));
    }
    for (const joint of joints) fill(this.rows.get(joint.name), joint);
  }

  /** The program has ended, or another begins: nothing of the steps counts any more. */
  end() {
    const { go, fresh, before } = this.buttons();
    show(this.box, false);
    say(go.firstChild, "Continue ");
    show(fresh, true);
    show(before, false);
  }
}

function row(name) {
  const parts = { range: make("i", { class: "guide-range" }), now: make("i", { class: "guide-now" }) };
  const [min, at, max] = ["min", "now", "max"].map((label) => make("td", { class: "num", "data-label": label }));
  const bar = make("span", { class: "guide-bar", "aria-hidden": "true" }, parts.range, parts.now);
  const turns = make("span", { class: "small dim", hidden: true }, "Turns fully: nothing to measure");
  const line = make("tr", {}, make("th", { scope: "row" }, name.replaceAll("_", " ")), make("td", { class: "guide-way" }, bar, turns), min, at, max);
  return { ...parts, bar, turns, line, cells: { min, at, max } };
}

function fill({ range, now, bar, turns, line, cells }, joint) {
  show(bar, !joint.turns);
  show(turns, Boolean(joint.turns));
  const values = [joint.min, joint.now, joint.max].filter((value) => typeof value === "number");
  const low = Math.min(0, ...values);
  const wide = Math.max(1, Math.max(joint.high, ...values) - low);
  const share = (value) => `${(100 * (value - low)) / wide}%`;
  const isMeasured = joint.measured && joint.min !== null && joint.max !== null;
  range.hidden = !isMeasured;
  now.hidden = typeof joint.now !== "number";
  if (isMeasured) {
    range.style.setProperty("left", share(joint.min));
    range.style.setProperty("width", `${(100 * (joint.max - joint.min)) / wide}%`);
  }
  if (!now.hidden) now.style.setProperty("left", share(joint.now));
  line.dataset.moved = isMeasured ? String((joint.max - joint.min) / wide > WIDE) : "";
  say(cells.min, isMeasured ? joint.min : "–");
  say(cells.at, joint.now ?? "–");
  say(cells.max, isMeasured ? joint.max : "–");
}
