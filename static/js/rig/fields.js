// The keys of a device's table as a form. An empty field is not a key: the driver's own default holds.
import { make } from "../lib/dom.js";
import { jointLimits } from "./joint_limits.js";
import { portField } from "./ports.js";
import { poseField } from "./pose.js";
import { isTable, numberOf, toml } from "./values.js";

const MORE = "More keys";
/** Fields of several values; a value of another shape is written as TOML. */
const OF_JOINTS = { pose: poseField, joints: jointLimits };

/** What a rig file says of any device, whichever driver it has. */
export const COMMON = new Set(["kind", "type"]);

/** Keys that the file has and the driver does not name. */
export function unknownFields(table, fields) {
  const known = new Set([...COMMON, ...fields.map((field) => field.key)]);
  const kindOf = (value) => (typeof value === "object" ? "table" : typeof value === "boolean" ? "flag" : typeof value === "number" ? "number" : "text");
  return Object.entries(table).filter(([key]) => !known.has(key)).map(([key, value]) => ({ key, kind: kindOf(value), required: false, default: null, help: "" }));
}

/** Shown before it has a value: which device it is, and what an arm does when the rig ends that has the choice. */
const isEarly = ({ key, choices }) => key === "id" || (key === "on_end" && choices?.length > 1);

const defaultOf = ({ default: value }) => (value === null || value === undefined || value === "" ? "" : typeof value === "object" ? toml(value) : String(value));

function hintOf(field) {
  return field.help ? make("small", {}, field.help) : null;
}

function labelOf(field) {
  return make("span", {}, field.key, field.required ? make("i", { class: "needed" }, " needed") : null);
}

function flag(field, value, set) {
  const box = make("input", { type: "checkbox", "data-key": field.key });
  box.checked = value ?? field.default ?? false;
  box.addEventListener("change", () => set(box.checked === (field.default ?? false) && value === undefined ? undefined : box.checked));
  return make("div", { class: "field" }, make("label", { class: "check" }, box, field.key), hintOf(field));
}

function choice(field, value, set) {
  const names = value !== undefined && !field.choices.includes(String(value)) ? [String(value), ...field.choices] : field.choices;
  const none = make("option", { value: "" }, field.required ? "Choose …" : `default${defaultOf(field) ? `: ${defaultOf(field)}` : ""}`);
  const select = make("select", { class: "input", "data-key": field.key }, none, ...names.map((name) => make("option", { value: name }, name)));
  select.value = value ?? "";
  select.addEventListener("change", () => set(select.value || undefined));
  return make("label", { class: "field" }, labelOf(field), select, hintOf(field));
}

function entry(field, value, set) {
  const isNumber = field.kind === "integer" || field.kind === "number";
  const box = make("input", { class: "input", "data-key": field.key, placeholder: defaultOf(field), spellcheck: "false", inputmode: isNumber ? "decimal" : null, required: field.required });
  box.value = value === undefined ? "" : typeof value === "object" ? toml(value) : value;
  box.addEventListener("input", () => set(isNumber ? numberOf(box.value.trim()) : box.value || undefined));
  return make("label", { class: "field" }, labelOf(field), box, hintOf(field));
}

function written(field, value, setToml) {
  const box = make("input", { class: "input mono", "data-key": field.key, placeholder: defaultOf(field) || (field.kind === "list" ? "[ … ]" : "{ … }"), spellcheck: "false" });
  box.value = toml(value);
  box.addEventListener("change", () => setToml(box.value));
  return make("label", { class: "field" }, labelOf(field), box, make("small", {}, `${field.help ? `${field.help} ` : ""}Written as TOML.`));
}

/** A table in the device's own, such as that of one of two arms: a group of its fields. */
function part(field, value, { page, path }) {
  const table = isTable(value) ? value : {};
  const at = [...path, field.key];
  const fields = [...field.fields, ...unknownFields(table, field.fields)];
  const legend = make("legend", {}, field.key, field.required ? make("i", { class: "needed" }, " needed") : null);
  return make("fieldset", { class: "part", "data-at": at.join("."), "data-says": "" }, legend, hintOf(field), ...fieldsOf(fields, table, (each) => page.way(at, each)));
}

/** One field; `set(value)` with undefined removes the key, `setToml(text)` takes a value as TOML writes it. */
export function fieldOf(field, value, way) {
  const { set, setToml, page } = way;
  if (field.kind === "flag") return flag(field, value, set);
  if (field.kind === "choice" && field.choices?.length) return choice(field, value, set);
  if (field.kind === "port") return portField(field, value, set, page);
  if (field.fields && (value === undefined || isTable(value))) return part(field, value, way);
  const ofJoints = value === undefined || isTable(value) ? OF_JOINTS[field.kind] : null;
  if (ofJoints) return ofJoints(field, value, way);
  if (field.kind in OF_JOINTS || field.kind === "table" || field.kind === "list") return written(field, value, setToml);
  return entry(field, value, set);
}

/** All fields of a kind: those that are needed or have a value first, the others below a fold. */
export function fieldsOf(fields, table, way) {
  const boxes = (some) => some.map((field) => fieldOf(field, table[field.key], way(field)));
  const isFirst = (field) => field.required || field.isWanted || field.kind === "port" || isEarly(field) || table[field.key] !== undefined;
  const first = fields.filter(isFirst);
  const rest = fields.filter((field) => !isFirst(field));
  const parts = [];
  if (first.length) parts.push(make("div", { class: "fields two" }, ...boxes(first)));
  if (rest.length) parts.push(make("details", { class: "more-keys" }, make("summary", {}, `${MORE} (${rest.length})`), make("div", { class: "fields two" }, ...boxes(rest))));
  return parts;
}
