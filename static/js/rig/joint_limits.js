// Joints with limits, unit and speed of their own, for a teleoperator in the browser: a row for each.
import { make } from "../lib/dom.js";
import { shortName } from "./joints.js";
import { Rows } from "./rows.js";
import { flat, isTable } from "./values.js";

const KEYS = ["low", "high", "unit", "speed"];

/** The tables of the joints by their names; `elbow.pos` without quotes is a table within one. */
function tablesOf(value, before = "") {
  return Object.entries(isTable(value) ? value : {}).flatMap(([key, table]) => (isTable(table) && isTable(table.pos ?? table.vel) ? tablesOf(table, `${before}${key}.`) : [[before + key, table]]));
}

function wrong({ low, high, speed }) {
  const words = {};
  for (const [key, value] of Object.entries({ low, high, speed })) if (typeof value === "string") words[key] = `${key} wants a number`;
  if (typeof low === "number" && typeof high === "number" && low >= high) words.high = `high wants more than low (${low})`;
  if (typeof speed === "number" && speed <= 0) words.speed = "speed wants more than 0";
  return words;
}

function noteOf(others) {
  const keys = flat(others).map(([key]) => key.split(".")[0]);
  return keys.length ? `Also ${[...new Set(keys)].join(", ")}, in the text` : null;
}

export function jointLimits(field, value, { set, page, path }) {
  const common = path.reduce((place, key) => place?.[key], page.draft.tables) ?? {};
  const list = `joints-of-${path.join("-")}`;
  const columns = [
    { key: "name", label: "Joint", placeholder: "gripper", list },
    { key: "low", label: "Low", isNumber: true, placeholder: common.low ?? "" },
    { key: "high", label: "High", isNumber: true, placeholder: common.high ?? "" },
    { key: "unit", label: "Unit", placeholder: common.unit ?? "" },
    { key: "speed", label: "Speed", isNumber: true, placeholder: common.speed ?? "" },
  ];
  const items = tablesOf(value).filter(([, table]) => isTable(table)).map(([name, { low, high, unit, speed, ...others }]) => ({ name, low, high, unit, speed, others, note: noteOf(others) }));
  const rows = new Rows("joint", columns, items, {
    kept: page.kept([...path, field.key]),
    wrong,
    changed: (now) => set(now.length ? Object.fromEntries(now.map((item) => [item.name, { ...Object.fromEntries(KEYS.map((key) => [key, item[key]]).filter(([, each]) => each !== undefined)), ...item.others }])) : undefined),
  });
  const { known } = page.joints;
  const names = make("datalist", { id: list }, ...known.map(({ name }) => make("option", { value: shortName(name) })));
  const all = make("button", { class: "button small", type: "button" }, "Add the robot's joints");
  all.addEventListener("click", () => {
    const has = new Set(rows.items.map(({ name }) => shortName(name ?? "")));
    const missing = known.filter(({ name }) => !has.has(shortName(name)));
    if (missing.length) rows.add(missing.map(({ name, unit, limits }) => ({ name: shortName(name), low: limits?.[0], high: limits?.[1], unit: unit || undefined })));
  });
  const acts = make("div", { class: "row" }, rows.adding, known.length ? all : null);
  return make("div", { class: "field wide-field", role: "group", "aria-label": field.key, "data-key": field.key }, make("span", { class: "label" }, field.key), rows.list, names, acts, field.help ? make("small", {}, field.help) : null);
}
