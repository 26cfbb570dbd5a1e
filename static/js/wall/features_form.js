// The form that changes features: its rows from the dataset, what it asks for as the API wants it, and the answer.
import { call } from "../lib/api.js";
import { make, show } from "../lib/dom.js";
import { bytes, count, number } from "../lib/format.js";

const OWN = new Set(["timestamp", "frame_index", "episode_index", "index", "task_index"]);
const SUCCESS = "next.success";
const before = new WeakMap(); // the dataset that a form was filled from

const shapeOf = ({ dtype, shape }) => (shape.length > 1 ? `${dtype} ${shape.join("×")}` : shape[0] > 1 ? `${shape[0]} × ${dtype}` : dtype);
const namesOf = ({ names, shape }) => (Array.isArray(names) && shape.length === 1 && names.length === shape[0] && names.every((name) => typeof name === "string") ? names : null);
const isVector = (feature) => !["video", "image", "string", "language"].includes(feature.dtype);

/** Fill the form with the dataset's features as they are now. */
export async function fillFeatures(form) {
  form.reset(); // before the answer: what is typed meanwhile stays
  const { column, robot_type: robot } = form.elements;
  const dataset = await call("GET", `/api/datasets/${form.closest("dialog").dataset.slug}`);
  before.set(form, dataset);
  const own = Object.entries(dataset.features).filter(([key]) => !OWN.has(key));
  const box = form.querySelector("[data-features]");
  box.replaceChildren(box.querySelector("legend"), ...own.map(([key, feature]) => row(key, feature)));
  const copied = Object.entries(dataset.features).filter(([, feature]) => isVector(feature) || feature.dtype === "string");
  column.replaceChildren(...copied.map(([key, feature]) => make("option", { value: key }, `${key} (${shapeOf(feature)})`)));
  if (robot.value === robot.defaultValue) robot.value = dataset.robot_type;
}

function row(key, feature) {
  const name = make("input", { class: "input", name: "rename", value: key, maxlength: 200, autocomplete: "off", spellcheck: "false", "aria-label": `Name of ${key}` });
  const gone = make("input", { type: "checkbox", name: "remove", "aria-label": `Remove ${key}` });
  const line = make("div", { class: "feature-row", "data-key": key }, name, make("span", { class: "small faint num" }, shapeOf(feature)), make("label", { class: "check" }, gone, "Remove"));
  const names = isVector(feature) && (feature.shape.length > 1 || feature.shape[0] > 1 || namesOf(feature)) ? namesOf(feature) ?? [] : null;
  if (names) {
    const field = make("input", { class: "input", name: "names", value: names.join(", "), autocomplete: "off", spellcheck: "false", "aria-label": `Names of the values of ${key}`, placeholder: `${feature.shape.reduce((a, b) => a * b)} names, with commas between` });
    line.append(make("details", {}, make("summary", {}, names.length ? count(names.length, "name") : "No names"), field));
  }
  return line;
}

/** Show the fields that the chosen source needs; the name of success is the one that training looks for. */
export function showFeatureFields(form) {
  const { source, new_name: name } = form.elements;
  form.querySelectorAll("[data-for]").forEach((part) => show(part, part.dataset.for.split(" ").includes(source.value)));
  if (source.value === "success" && !name.value) name.value = SUCCESS;
  if (source.value !== "success" && name.value === SUCCESS) name.value = "";
  for (const line of form.querySelectorAll(".feature-row")) {
    const gone = line.querySelector("[name=remove]").checked;
    line.classList.toggle("gone", gone);
    line.querySelectorAll("[name=rename], [name=names]").forEach((input) => (input.disabled = gone));
  }
}

const listed = (text) => text.split(",").map((word) => word.trim()).filter(Boolean);

/** `true`, numbers and texts as what they are; with the type `string` always as text. */
function valueOf(text, dtype) {
  const word = text.trim();
  if (dtype === "string") return word;
  if (/^(true|false)$/i.test(word)) return word.toLowerCase() === "true";
  return word && Number.isFinite(Number(word)) ? Number(word) : word;
}

function constantOf(text, dtype) {
  const several = listed(text).map((word) => valueOf(word, dtype));
  return several.length > 1 && several.every((value) => typeof value === "number") ? several : valueOf(text, dtype);
}

function labelsOf(text, dtype) {
  const lines = text.split("\n").map((line) => line.trim()).filter(Boolean);
  return Object.fromEntries(lines.map((line) => {
    const at = line.lastIndexOf("=");
    if (at < 1 || !line.slice(at + 1).trim()) throw new Error(`“${line}” gives no value: write label = value.`);
    return [line.slice(0, at).trim(), valueOf(line.slice(at + 1), dtype)];
  }));
}

function partOf(text) {
  if (!text.trim()) return null;
  const found = /^(\d{1,6}):(\d{1,6})$/.exec(text.trim());
  if (!found) throw new Error(`“${text}” is not a range: write first:end, such as 0:3 for the first three.`);
  return [Number(found[1]), Number(found[2])];
}

/** The new column; null while none is wanted, undefined while something of it is missing. */
function addedOf({ elements: { source, new_name: newName, unlabelled, labels, at, default: otherwise, column, part, value, dtype } }) {
  const name = newName.value.trim();
  if (!source.value) return null;
  if (!name) return undefined;
  if (source.value === "success") return { name, labels: { success: true, failure: false }, at: "last", ...(unlabelled.checked ? { default: false } : {}) };
  const added = { name, dtype: dtype.value };
  if (source.value === "column") return { ...added, column: column.value, part: partOf(part.value) };
  if (source.value === "value") return value.value.trim() ? { ...added, value: constantOf(value.value, dtype.value) } : undefined;
  const values = labelsOf(labels.value, dtype.value);
  const rest = otherwise.value.trim() ? { default: valueOf(otherwise.value, dtype.value) } : {};
  return Object.keys(values).length ? { ...added, labels: values, at: at.value, ...rest } : undefined;
}

/** What the form asks for; null while it asks for nothing. */
export function featuresBody(form) {
  const dataset = before.get(form);
  const added = dataset && addedOf(form);
  if (!dataset || added === undefined) return null;
  const body = { remove: [], rename: {}, names: {}, add: added ? [added] : [], statistics: form.elements.statistics.value };
  for (const line of form.querySelectorAll(".feature-row")) {
    const { key } = line.dataset;
    const name = line.querySelector("[name=rename]").value.trim();
    const names = line.querySelector("[name=names]");
    if (line.querySelector("[name=remove]").checked) body.remove.push(key);
    else {
      if (name && name !== key) body.rename[key] = name;
      if (names && names.value !== names.defaultValue && listed(names.value).length) body.names[key] = listed(names.value);
    }
  }
  const robot = form.elements.robot_type.value.trim();
  if (robot !== dataset.robot_type) body.robot_type = robot;
  const asks = body.remove.length || body.add.length || body.statistics || "robot_type" in body;
  return asks || Object.keys(body.rename).length || Object.keys(body.names).length ? body : null;
}

/** What would be done, one line for each part. */
export function describedChange(answer) {
  if (answer.problem) return [make("p", { class: "note tone-bad" }, answer.problem)];
  const lines = answer.removed.map(({ name, size_bytes: size, files }) => `Remove ${name}: ${files ? `${count(files, "video file")}, ` : ""}${bytes(size)}. The revision before keeps it.`);
  lines.push(...Object.entries(answer.renamed).map(([old, now]) => `Rename ${old} to ${now}.`));
  for (const { name, dtype, shape, episodes, without } of answer.added) {
    const values = Object.entries(episodes).map(([value, n]) => `${value} for ${count(n, "episode")}`);
    const rest = without ? ` (${number(without)} of them without a label)` : "";
    lines.push(`Add ${name} (${shapeOf({ dtype, shape })}) to ${count(answer.frames, "row")}${values.length ? `: ${values.join(", ")}${rest}` : ""}.`);
  }
  if (answer.decoded_frames) lines.push(`Decode ${count(answer.decoded_frames, "frame")} for statistics.`);
  if (answer.rewritten_bytes) lines.push(`Write ${bytes(answer.rewritten_bytes)} of rows again. Videos stay as they are.`);
  if (!lines.length) lines.push(`One revision of ${count(answer.episodes, "episode")}; rows and videos stay as they are.`);
  const differs = answer.removed.length || answer.added.length || Object.keys(answer.renamed).length;
  const shown = lines.map((line) => make("p", {}, line));
  if (answer.takes) shown.push(make("p", { class: "note tone-warn" }, `${count(answer.takes, "take")} not in the dataset yet will not fit it any more. Encode what you keep first.`));
  if (differs) shown.push(make("p", { class: "hint" }, "A rig records into this dataset only while its features are the same. Undo this before you record more."));
  return shown;
}
