// The forms of copy, split, merge and duplicate as the API wants them; null while something is still missing.
import { featuresBody } from "./features_form.js";

function linesOf(field) {
  const pairs = (field?.value ?? "").split("\n").map((line) => line.trim()).filter(Boolean).map((line) => {
    const at = line.indexOf("=");
    if (at < 1) throw new Error(`“${line}” maps nothing: write theirs = ours.`);
    return [line.slice(0, at).trim(), line.slice(at + 1).trim()];
  });
  return Object.fromEntries(pairs);
}

function mapsOf({ elements }) {
  const features = Object.fromEntries(Object.entries(linesOf(elements.features)).map(([theirs, ours]) => [theirs, ours || null]));
  return { features, joints: linesOf(elements.joints), tasks: linesOf(elements.tasks) };
}

const titleOf = ({ elements }) => elements.title.value.trim();

function copyBody(form, ids) {
  const { to, how } = form.elements;
  if (!ids.length || !(to.value || titleOf(form))) return null;
  const where = to.value ? { to: to.value } : { title: titleOf(form) };
  return { episodes: ids, ...where, move: how.value === "move", maps: to.value ? mapsOf(form) : {} };
}

function splitBody(form) {
  const { by, matching, rest } = form.elements;
  if (by.value === "task" || by.value === "label") return { by: by.value };
  if (by.value === "filter") {
    const parts = [{ title: matching.value.trim(), filter: location.search.slice(1) }];
    if (rest.value.trim()) parts.push({ title: rest.value.trim(), filter: "" });
    return parts[0].title ? { parts } : null;
  }
  const parts = [...form.querySelectorAll(".split-part")].map((part) => ({
    title: part.querySelector("[name=title]").value.trim(),
    share: Number(part.querySelector("[name=share]").value) / 100,
  }));
  const filled = parts.filter(({ title, share }) => title && share > 0);
  return filled.length ? { parts: filled } : null;
}

function mergeBody(form) {
  const others = [...form.querySelectorAll("[name=others]:checked")].map((input) => input.value);
  return others.length ? { others, title: titleOf(form), maps: mapsOf(form) } : null;
}

export function readBody(kind, form, ids) {
  if (kind === "copy") return copyBody(form, ids);
  if (kind === "split") return splitBody(form);
  if (kind === "features") return featuresBody(form);
  const body = kind === "merge" ? mergeBody(form) : { title: titleOf(form) };
  return body?.title ? body : null;
}
