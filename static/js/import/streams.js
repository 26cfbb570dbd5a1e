// The list of streams: which feature each becomes, with the names and the unit of its values.
import { make } from "../lib/dom.js";
import { count as countOf } from "../lib/format.js";

const list = document.getElementById("streams");
const units = document.getElementById("unit-options");
const PICTURES = ["pictures", "depth", "compressed pictures", "compressed video"];
let drawn = []; // the streams of the newest look, each with its inputs

function amount({ kind, shape, dtype, count, rate_hz: rate }) {
  const [height, width] = shape;
  const size = PICTURES.includes(kind) ? `${width} × ${height}` : `${shape.join(" × ")} ${dtype}`;
  return [kind, shape.length ? size : "", countOf(count, "message"), rate ? `${rate.toFixed(1)} a second` : ""].filter(Boolean).join(" · ");
}

/** The names that the server gives to values without names. */
const usual = (stream) => {
  if (stream.names.length) return stream.names;
  const name = stream.path.split("/").pop();
  const count = stream.shape.reduce((product, side) => product * side, 1);
  return count === 1 ? [name] : Array.from({ length: count }, (_, n) => `${name}_${n}`);
};

function more(stream, rule, names) {
  const unit = make("select", { class: "input", "data-part": "unit", "aria-label": `Unit of ${stream.path}` });
  unit.append(units.content.cloneNode(true));
  unit.value = rule?.unit ?? "";
  const words = make("input", { class: "input", "data-part": "names", spellcheck: "false", maxlength: 40000, placeholder: usual(stream).join(", ") });
  words.value = names.join(", ");
  return make(
    "details",
    {},
    make("summary", {}, "Names and unit"),
    make("div", { class: "fields two" }, make("label", { class: "field" }, make("span", {}, "Names, with commas"), words), make("label", { class: "field" }, make("span", {}, "Unit"), unit)),
  );
}

function order(stream, rule) {
  const select = make("select", { class: "input", "data-part": "order" }, make("option", { value: "rgb" }, "RGB"), make("option", { value: "bgr" }, "BGR"));
  select.value = rule?.order ?? "rgb";
  return make("details", {}, make("summary", {}, "Colours"), make("label", { class: "field" }, make("span", {}, "Order of the channels"), select));
}

function details(stream, rule, names) {
  if (stream.problem || stream.kind === "text") return null;
  if (stream.kind === "numbers") return more(stream, rule, names);
  return stream.kind === "pictures" ? order(stream, rule) : null;
}

/** The part of a feature's names that is this stream's. */
function ownNames(stream, rule, streams) {
  if (!rule?.names.length) return [];
  let at = 0;
  for (const path of rule.streams) {
    const each = streams.find((other) => other.path === path);
    const count = each ? usual(each).length : 0;
    if (path === stream.path) return rule.names.slice(at, at + count);
    at += count;
  }
  return [];
}

export function draw({ streams, mapping, pictures }) {
  drawn = streams.map((stream) => {
    const isTask = mapping.task_stream === stream.path;
    const feature = isTask ? "task" : (stream.features[0] ?? "");
    const rule = mapping.features[feature];
    const input = make("input", { class: "input", list: "features", maxlength: 200, spellcheck: "false", autocapitalize: "none", placeholder: "left out", "aria-label": `Feature of ${stream.path}`, disabled: Boolean(stream.problem) });
    input.value = feature;
    const picture = pictures[feature];
    const line = make(
      "li",
      { class: "stream" },
      picture ? make("img", { src: picture, alt: `First picture of ${stream.path}` }) : make("span", { class: "kind" }, stream.kind),
      make("div", { class: "stack-tight" }, make("span", { class: "path" }, stream.path), make("span", { class: "small dim" }, amount(stream)), make("span", { class: "small dim", "data-part": "why" })),
      make("label", { class: "goal" }, input),
      details(stream, rule, ownNames(stream, rule, streams)),
    );
    return { stream, input, line };
  });
  list.replaceChildren(...drawn.map(({ line }) => line));
  tell(streams);
}

/** Say why streams are left out; what a person has typed stays. */
export function tell(streams) {
  for (const { stream, input, line } of drawn) {
    const found = streams.find(({ path }) => path === stream.path);
    const out = found && !found.features.length && input.value.trim() !== "task";
    line.classList.toggle("is-out", Boolean(out));
    line.querySelector("[data-part=why]").textContent = out && found.problem ? `Left out: ${found.problem}` : "";
  }
}

const part = (line, name) => line.querySelector(`[data-part=${name}]`)?.value ?? "";

/** The features and the stream of the task, as the person has them now. */
export function chosen() {
  const features = {};
  let task = "";
  for (const { stream, input, line } of drawn) {
    const name = input.value.trim();
    if (!name || stream.problem) continue;
    if (name === "task" && stream.kind === "text") {
      task = stream.path;
      continue;
    }
    const rule = (features[name] ??= { streams: [], names: [], given: false, unit: "", order: "rgb" });
    const names = part(line, "names").split(",").map((word) => word.trim()).filter(Boolean);
    rule.streams.push(stream.path);
    rule.names.push(...(names.length ? names : usual(stream)));
    rule.given ||= names.length > 0;
    rule.unit ||= part(line, "unit");
    rule.order = part(line, "order") || rule.order;
  }
  for (const rule of Object.values(features)) {
    if (!rule.given) rule.names = [];
    delete rule.given;
  }
  return { features, task_stream: task };
}
