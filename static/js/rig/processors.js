// The processors: steps between teleoperator and robot, in the order of the file, each with the arguments of what it makes.
import { make } from "../lib/dom.js";
import { fieldsOf } from "./fields.js";

const OWN = ["kind", "at", "teleoperator", "make"];
const FIELDS = [
  { key: "at", kind: "choice", choices: ["teleoperator", "robot", "observation"], required: true, help: "Whose values it gets: what the teleoperator asks for, what the robot is sent, or what it observes." },
  { key: "make", kind: "text", required: true, help: "module:name of a step of LeRobot's or of your own. The arguments below go to it." },
];
const KEY = /^[\w-]+$/;

export class Processors {
  constructor(page) {
    this.page = page;
    this.box = document.getElementById("processors");
    this.list = this.box.querySelector("[data-list]");
    this.box.querySelector("button").addEventListener("click", () => this.change((steps) => steps.push({ kind: "lerobot", at: "teleoperator" }), -1));
  }

  get steps() {
    const { processor } = this.page.draft.tables;
    return Array.isArray(processor) ? processor.filter((each) => each && typeof each === "object") : [];
  }

  draw() {
    const { steps } = this;
    if (steps.length) this.box.open = true;
    this.box.querySelector(".count").textContent = steps.length || "";
    this.list.replaceChildren(...steps.map((step, at) => this.card(step, at, steps.length)));
  }

  /** Change the list, draw it, and leave the focus in the step at this place; -1 is the last one. */
  change(act, place) {
    this.page.draft.set((tables) => {
      const steps = [...this.steps];
      act(steps);
      tables.processor = steps.length ? steps : null;
    });
    this.draw();
    const cards = [...this.list.children];
    (cards.at(place)?.querySelector("select, input") ?? this.box.querySelector("[data-add]")).focus();
  }

  card(step, at, count) {
    const act = (words, label, isOff, run) => {
      const button = make("button", { class: "button small quiet", type: "button", "aria-label": `${label} processor ${at + 1}`, disabled: isOff }, words);
      button.addEventListener("click", run);
      return button;
    };
    const swap = (other) => this.change((steps) => ([steps[at], steps[other]] = [steps[other], steps[at]]), other);
    const head = make("div", { class: "row row-apart" }, make("b", { class: "grow" }, `${at + 1} · ${step.make?.split(":").pop() || step.kind || "a processor"}`), act("Up", "Move up", at === 0, () => swap(at - 1)), act("Down", "Move down", at === count - 1, () => swap(at + 1)), act("Remove", "Remove", false, () => this.change((steps) => steps.splice(at, 1), Math.min(at, count - 2))));
    const fields = this.fields(step);
    const way = (field) => this.way(at, field.key);
    return make("article", { class: "camera-card is-used is-other", "data-at": `processor[${at + 1}]` }, head, ...fieldsOf(fields, step, way), this.adding(at));
  }

  fields(step) {
    const names = Object.keys(this.page.draft.tables.teleoperators ?? {});
    const whose = names.length && step.at === "teleoperator" ? [{ key: "teleoperator", kind: "choice", choices: names, required: true, help: "Of several: whose action it gets." }] : [];
    const kind = step.kind === "lerobot" ? [] : [{ key: "kind", kind: "text", required: true, help: "lerobot, or the kind of a plug-in." }];
    const given = Object.keys(step).filter((key) => !OWN.includes(key)).map((key) => ({ key, kind: "list", required: false, help: "An argument." }));
    return [...FIELDS, ...whose, ...kind, ...given];
  }

  way(at, key) {
    const put = (step, value) => {
      const next = { ...step, [key]: value };
      if (value === undefined) delete next[key];
      return next;
    };
    const set = (value) => {
      // Another place asks for other keys.
      if (key === "at") this.change((steps) => (steps[at] = put(steps[at], value)), at);
      else this.page.draft.set((tables) => (tables.processor[at] = put(tables.processor[at], value)));
    };
    return { set, setToml: (toml) => this.page.draft.set(() => {}, { path: ["processor", String(at), key], toml }), page: this.page, path: ["processor", String(at)] };
  }

  adding(at) {
    const name = make("input", { class: "input", placeholder: "urdf", spellcheck: "false", "aria-label": `Name of an argument of processor ${at + 1}` });
    const button = make("button", { class: "button small", type: "button" }, "Add an argument");
    const add = () => {
      const key = name.value.trim();
      const isUsable = KEY.test(key) && !(key in this.steps[at]);
      name.setAttribute("aria-invalid", String(!isUsable));
      if (!isUsable) return name.focus();
      this.change((steps) => (steps[at] = { ...steps[at], [key]: "" }), at);
      return this.list.children[at].querySelector(`[data-key="${key}"]`).focus();
    };
    button.addEventListener("click", add);
    name.addEventListener("keydown", (event) => event.key === "Enter" && (event.preventDefault(), add()));
    return make("div", { class: "row add-argument" }, name, button);
  }
}
