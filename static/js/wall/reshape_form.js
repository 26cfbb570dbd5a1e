// The forms of re-order, cut, re-encode, drop frames, videos and images as the API wants them; null while incomplete.

const checked = (form) => [...form.querySelectorAll("[name=cameras]:checked")];
const filled = ({ value }) => (value === "" ? null : Number(value));

function encodingOf({ elements: { codec, crf, g } }) {
  return { codec: codec.value, crf: filled(crf), g: filled(g) };
}

function reorder(form, ids) {
  const by = form.elements.by.value;
  if (by !== "selected") return { name: "reorder", body: { by } };
  return ids.length ? { name: "reorder", body: { episodes: ids } } : null;
}

function cut(form, _, { episode, frames }) {
  const [first, last] = [filled(form.elements.first), filled(form.elements.last)];
  if (first === null || last === null) return null;
  const most = Number(frames) - 2;
  if (most < 1) throw new Error("The episode is too short to be cut in two.");
  if (first < 1 || last < first || last > most) throw new Error(`Choose frames inside the episode: from 1 up to ${most}. To cut off an end, trim it.`);
  return { name: "cut", body: { episode, first, end: last + 1, seam: form.elements.parts.value === "seam" } };
}

function reencode(form) {
  const [width, height] = [filled(form.elements.width), filled(form.elements.height)];
  const cameras = checked(form).map(({ value }) => value);
  if (!cameras.length || (width === null) !== (height === null)) return null;
  const size = width === null ? {} : { width, height };
  return { name: "reencode", body: { cameras, encoding: encodingOf(form), ...size } };
}

function dropFrames(form) {
  const count = filled(form.elements.keep_one_of);
  return count === null ? null : { name: "drop-frames", body: { keep_one_of: count, encoding: encodingOf(form) } };
}

function images(form) {
  const kinds = new Set(checked(form).map(({ dataset }) => dataset.kind));
  if (kinds.size > 1) throw new Error("Change cameras with videos and cameras with images one after the other.");
  const cameras = checked(form).map(({ value }) => value);
  return cameras.length ? { name: [...kinds][0], body: { cameras } } : null;
}

const READERS = { reorder, cut, reencode, "drop-frames": dropFrames, images };

export const readReshape = (kind, form, ids, told) => READERS[kind](form, ids, told);
