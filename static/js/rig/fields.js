// The keys of a device's table as a form. An empty field is not a key: the driver's own default holds.
import { make } from "../lib/dom.js";
import { portField } from "./ports.js";

const MORE = "More keys";
/** Shown before they have a value: which device it is, and what an arm does when the rig ends. */
const FIRST = new Set(["id", "on_end"]);

/** A value as TOML writes it on one line. */
export function toml(value) {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return `[${value.map(toml).join(", ")}]`;
  if (typeof value === "object") return `{ ${Object.entries(value).map(([key, each]) => `${/^[\w-]+$/.test(key) ? key : JSON.stringify(key)} = ${toml(each)}`).join(", ")} }`;
  return JSON.stringify(value);
}

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

/** A number as TOML has it; what is none stays text, and the station says what it wants. */
function numberOf(text) {
  const number = Number(text);
  return text !== "" && Number.isFinite(number) ? number : text || undefined;
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

/** One field; `set(value)` with undefined removes the key, `setToml(text)` takes a value as TOML writes it. */
export function fieldOf(field, value, { set, setToml, page }) {
  if (field.kind === "flag") return flag(field, value, set);
  if (field.kind === "choice" && field.choices?.length) return choice(field, value, set);
  if (field.kind === "port") return portField(field, value, set, page);
  if (field.kind === "table" || field.kind === "list") return written(field, value, setToml);
  return entry(field, value, set);
}

/** All fields of a kind: those that are needed or have a value first, the others below a fold. */
export function fieldsOf(fields, table, way) {
  const boxes = (some) => some.map((field) => fieldOf(field, table[field.key], way(field)));
  const isFirst = (field) => field.required || field.kind === "port" || FIRST.has(field.key) || table[field.key] !== undefined;
  const first = fields.filter(isFirst);
  const rest = fields.filter((field) => !isFirst(field));
  const parts = [];
  if (first.length) parts.push(make("div", { class: "fields two" }, ...boxes(first)));
  if (rest.length) parts.push(make("details", { class: "more-keys" }, make("summary", {}, `${MORE} (${rest.length})`), make("div", { class: "fields two" }, ...boxes(rest))));
  return parts;
}
