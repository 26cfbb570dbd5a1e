// Joints with limits, unit and speed of their own, for a teleoperator in the browser: a row for each.
import { make } from "../lib/dom.js";
import { shortName } from "./joints.js";
import { Rows } from "./rows.js";
import { isTable } from "./values.js";

const COLUMNS = [
  { key: "low", label: "Low", isNumber: true },
  { key: "high", label: "High", isNumber: true },
  { key: "unit", label: "Unit" },
  { key: "speed", label: "Speed", isNumber: true },
];

function wrong({ low, high, speed }) {
  const words = {};
  for (const [key, value] of Object.entries({ low, high, speed })) if (typeof value === "string") words[key] = `${key} wants a number`;
  if (typeof low === "number" && typeof high === "number" && low >= high) words.high = `high wants more than low (${low})`;
  if (typeof speed === "number" && speed <= 0) words.speed = "speed wants more than 0";
  return words;
}

/** A row of a joint; its table may have more, such as keys and an axis, which stay. */
function itemOf([name, { low, high, unit, speed, ...others }]) {
  const keys = Object.keys(others);
  return { name, low, high, unit, speed, others, note: keys.length ? `Also ${keys.join(", ")}, in the text` : null };
}

const tableOf = (item) => ({ ...Object.fromEntries(COLUMNS.map(({ key }) => [key, item[key]]).filter(([, value]) => value !== undefined)), ...item.others });

class JointLimits {
  constructor(field, value, { set, page, path }) {
    Object.assign(this, { set, known: page.joints.known });
    const entries = Object.entries(value ?? {});
    this.odd = entries.filter(([, table]) => !isTable(table)); // the rig refuses them, and its words are at the text
    const common = path.reduce((place, key) => place?.[key], page.draft.tables) ?? {};
    const list = make("datalist", { id: `joints-of-${path.join("-")}` }, ...this.known.map(({ name }) => make("option", { value: shortName(name) })));
    const columns = [{ key: "name", label: "Joint", placeholder: "gripper", list: list.id }, ...COLUMNS.map((column) => ({ ...column, placeholder: common[column.key] ?? "" }))];
    const items = entries.filter(([, table]) => isTable(table)).map(itemOf);
    this.rows = new Rows("joint", columns, items, { kept: page.joints.kept([...path, field.key]), wrong, changed: (now) => this.changed(now) });
    this.all = make("button", { class: "button small", type: "button", disabled: !this.missing.length }, "Add the robot's joints");
    this.all.addEventListener("click", () => this.addAll());
    const acts = make("div", { class: "row" }, this.rows.adding, this.known.length ? this.all : null);
    const hint = field.help ? make("small", {}, field.help) : null;
    this.box = make("div", { class: "field wide-field", role: "group", "aria-label": field.key, "data-key": field.key }, make("span", { class: "label" }, field.key), this.rows.list, list, acts, hint);
  }

  get missing() {
    const names = new Set(this.rows.items.map(({ name }) => shortName(name ?? "")));
    return this.known.filter(({ name }) => !names.has(shortName(name)));
  }

  addAll() {
    this.rows.add(this.missing.map(({ name, unit, limits }) => ({ name: shortName(name), low: limits?.[0], high: limits?.[1], unit: unit || undefined })));
  }

  changed(items) {
    this.all.disabled = !this.missing.length;
    const tables = [...this.odd, ...items.map((item) => [item.name, tableOf(item)])];
    this.set(tables.length ? Object.fromEntries(tables) : undefined);
  }
}

export const jointLimits = (field, value, way) => new JointLimits(field, value, way).box;
