// The teleoperators: one, or several by name, each with its own joints, such as a leader arm and a keyboard for the base.
import { make } from "../lib/dom.js";
import { DeviceForm } from "./device.js";
import { isTable } from "./values.js";

const NAME = /^[A-Za-z0-9_-]{1,48}$/;
const NAMES = ["arm", "base", "left", "right", "hand"];
const MOST = 8;

export class Teleoperators {
  constructor(page) {
    Object.assign(this, { page, section: document.getElementById("teleoperator"), forms: new Map() });
  }

  /** Those that have names; null where there is one without. */
  get named() {
    const { teleoperators } = this.page.draft.tables;
    return isTable(teleoperators) ? Object.fromEntries(Object.entries(teleoperators).filter(([, table]) => isTable(table))) : null;
  }

  draw() {
    const { named } = this;
    const names = Object.keys(named ?? {});
    const count = names.length ? make("span", { class: "count" }, String(names.length)) : null;
    const parts = named ? names.map((name) => this.card(name)) : [this.form("", ["teleoperator"])];
    const hasOne = named ? names.length < MOST : this.page.draft.tables.teleoperator?.kind;
    this.section.replaceChildren(make("h2", {}, named ? "Teleoperators " : "Teleoperator", count), ...parts, ...(hasOne ? [this.adding()] : []));
  }

  /** The form of one; it stays the same while the list is drawn again, because somebody may be searching in it. */
  form(name, path) {
    const key = path.join(".");
    if (!this.forms.has(key)) this.forms.set(key, new DeviceForm("teleoperator", this.page, path, make("div", { class: "stack" })));
    const form = this.forms.get(key);
    form.draw();
    return form.box;
  }

  card(name) {
    const box = make("input", { class: "input", maxlength: "48", spellcheck: "false", id: `teleoperator-${name}` });
    box.value = name;
    box.addEventListener("change", () => this.rename(name, box));
    const remove = make("button", { class: "button small quiet", type: "button", "aria-label": `Remove teleoperator ${name}` }, "Remove");
    remove.addEventListener("click", () => this.remove(name));
    const head = make("div", { class: "row row-apart device-head" }, make("label", { class: "field grow" }, make("span", {}, "Name"), box), remove);
    return make("article", { class: "device-card", "data-at": `teleoperators.${name}`, "data-says": "Choose what it is.", "aria-label": `Teleoperator ${name}` }, head, this.form(name, ["teleoperators", name]));
  }

  adding() {
    const button = make("button", { class: "button", type: "button", id: "add-teleoperator" }, "Add another teleoperator");
    button.addEventListener("click", () => this.add());
    const why = make("span", { class: "small faint" }, this.named ? "Each drives its own joints." : "Such as a keyboard for the base, beside a leader for the arm.");
    return make("div", { class: "row" }, button, why);
  }

  /** Add one; the only one before gets a name. It is in the file, with a kind to choose, so nothing is saved without. */
  add() {
    const before = this.named ?? {};
    const [first, second] = NAMES.concat(Array.from({ length: MOST }, (_, at) => `teleoperator${at + 1}`)).filter((name) => !(name in before));
    const added = this.named ? first : second;
    this.change((tables) => {
      const arm = this.named ? {} : { [first]: tables.teleoperator };
      if (!this.named) this.pass("", first, tables);
      delete tables.teleoperator;
      tables.teleoperators = { ...before, ...arm, [added]: { kind: "" } };
    });
    this.section.querySelector(`[data-at="teleoperators.${added}"] input[type=search]`)?.focus();
  }

  rename(name, box) {
    const next = box.value.trim();
    const isTaken = next !== name && next in this.named;
    box.setCustomValidity(!NAME.test(next) ? "1 to 48 letters, digits, _ or -" : isTaken ? "Another teleoperator has this name" : "");
    box.setAttribute("aria-invalid", String(!box.checkValidity()));
    if (!box.reportValidity() || next === name) return;
    this.change((tables) => {
      this.pass(name, next, tables);
      tables.teleoperators = Object.fromEntries(Object.entries(tables.teleoperators).map(([key, table]) => [key === name ? next : key, table]));
    });
    document.getElementById(`teleoperator-${next}`)?.focus();
  }

  /** Remove one; the last that is left needs no name. */
  remove(name) {
    this.change((tables) => {
      delete tables.teleoperators[name];
      const rest = Object.keys(tables.teleoperators);
      if (rest.length > 1) return;
      this.pass(rest[0] ?? name, "", tables);
      if (rest.length) tables.teleoperator = tables.teleoperators[rest[0]];
      delete tables.teleoperators;
    });
    this.section.querySelector("#add-teleoperator, input[type=search]")?.focus();
  }

  /** The processors of one follow its name. */
  pass(name, next, tables) {
    for (const step of Array.isArray(tables.processor) ? tables.processor : []) {
      if (step.at !== "teleoperator" || (step.teleoperator ?? "") !== name) continue;
      if (next) step.teleoperator = next;
      else delete step.teleoperator;
    }
  }

  change(act) {
    this.page.draft.set(act);
    this.forms.clear();
    this.draw();
    this.page.processors.draw();
  }
}
