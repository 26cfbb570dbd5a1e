// Numbers as people read them; the same words as the server's `robotdata/numbers.py`, whose `size` is `bytes` here.
const UNKNOWN = "–";
const rounded = (value) => Math.floor(value + 0.5 + 1e-9);
const tenths = (value) => (rounded(value * 10) / 10).toFixed(1);
const two = (value) => String(value).padStart(2, "0");
const unknown = (value) => value === null || value === undefined;

/** `1,204` */
export const number = (value) => value.toLocaleString("en");

/** `1 take`, `1,204 takes` */
export const count = (value, noun, plural = "") => `${number(value)} ${value === 1 ? noun : plural || `${noun}s`}`;

/** `0:07.3`, `12:03`, `1:02:03` */
export function clock(length) {
  if (unknown(length)) return UNKNOWN;
  const short = rounded(Math.max(0, length) * 10);
  if (short < 6000) return `${Math.floor(short / 600)}:${two(Math.floor(short / 10) % 60)}.${short % 10}`;
  const whole = rounded(length);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** `3.9 s`, `4 min` */
export function seconds(value) {
  if (unknown(value)) return UNKNOWN;
  return value < 99.95 ? `${tenths(value)} s` : span(value);
}

/** `48 s`, `12 min`, `3.4 h` */
export function span(length) {
  if (unknown(length)) return UNKNOWN;
  if (length < 99.5) return `${rounded(length)} s`;
  return length < 5370 ? `${rounded(length / 60)} min` : `${tenths(length / 3600)} h`;
}

/** ` since 20:47`, with the day where it was not today. */
export function sinceWords(seconds) {
  if (!seconds) return "";
  const when = new Date(seconds * 1000);
  const time = when.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  const today = when.toDateString() === new Date().toDateString();
  return ` since ${today ? "" : `${when.toLocaleDateString("en-GB", { day: "numeric", month: "short" })}, `}${time}`;
}

/** Frames `first` up to, and not including, `end`, as people read them: both ends are shown, counted from 0. */
export const frameRange = (first, end) => (end - first === 1 ? `frame ${first}` : `frames ${first}–${end - 1}`);

/** `99 of 123 frames` where a trim keeps fewer */
export const frameCount = (kept, total) => (kept === total ? count(total, "frame") : `${number(kept)} of ${count(total, "frame")}`);

/** `12 kB`, `3.4 MB` */
export function bytes(value) {
  if (unknown(value)) return UNKNOWN;
  let left = value;
  for (const unit of ["B", "kB", "MB", "GB"]) {
    if (left < 999.5) return `${unit === "B" || unit === "kB" || left >= 99.95 ? rounded(left) : tenths(left)} ${unit}`;
    left /= 1000;
  }
  return `${tenths(left)} TB`;
}

/** The minutes that a disk has room for: `12 min`, `3.4 h`. */
export const minutes = (value) => (value >= 5400 ? "> 90 h" : span(unknown(value) ? value : 60 * Math.floor(value)));

export function figure(value, digits = 3) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? Math.max(0, digits - 2) : size >= 10 ? digits - 1 : digits);
}
