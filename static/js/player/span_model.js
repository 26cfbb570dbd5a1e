// Subtasks and remarks of one episode, in its frames: what people do to them, without a page.

/** `span` is put among the others; where they overlap, the others give way. */
export function put(spans, span) {
  const kept = [];
  for (const other of spans) {
    if (other.end <= span.first || other.first >= span.end) kept.push(other);
    else if (other.first < span.first) kept.push({ ...other, end: span.first });
    else if (other.end > span.end) kept.push({ ...other, first: span.end });
  }
  return [...kept, span].sort((a, b) => a.first - b.first);
}

export const at = (spans, frame) => spans.find(({ first, end }) => first <= frame && frame < end);

/** A subtask that begins at `frame`: it takes the rest of the one that is there, else all until the next. */
export function begun(spans, frame, frames) {
  const here = at(spans, frame);
  if (here?.first === frame) return here;
  const next = spans.find(({ first }) => first > frame);
  return { first: frame, end: here?.end ?? next?.first ?? frames, text: "" };
}

/** `span` with one end at this frame, which stays part of it; null if nothing would be left. */
export function moved(span, end, frame) {
  const [first, last] = end === "first" ? [frame, span.end] : [span.first, frame + 1];
  return first < last ? { ...span, first, end: last } : null;
}

/** The same subtask or remark among those that have come again; null if it is gone, or nothing was chosen. */
export function again(chosen, { subtasks, remarks }) {
  if (!chosen) return null;
  const isSame = "end" in chosen ? ({ first }) => first === chosen.first : ({ frame, text, role }) => frame === chosen.frame && text === chosen.text && role === chosen.role;
  return ("end" in chosen ? subtasks : remarks).find(isSame) ?? null;
}

const TONES = 7;

/** By their words a number from 1 to 7: the same words have the same in every episode, unless two in a row would share it. */
export function tones(spans) {
  const found = new Map();
  let last = 0;
  for (const { text } of spans) {
    let sum = 7;
    for (const letter of text) sum = (sum * 31 + letter.codePointAt(0)) % 9973;
    const own = (sum % TONES) + 1;
    if (!found.has(text)) found.set(text, own === last ? (own % TONES) + 1 : own);
    last = found.get(text);
  }
  return found;
}

export const shifted = ({ subtasks, remarks }, by) => ({
  subtasks: subtasks.map(({ first, end, text }) => ({ first: first + by, end: end + by, text })),
  remarks: remarks.map(({ frame, text, role }) => ({ frame: frame + by, text, role })),
});
