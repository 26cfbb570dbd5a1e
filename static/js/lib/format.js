// Numbers as people read them; the same words as the server's `show.py`.

export function clock(seconds, tenths = true) {
  const all = Math.max(0, Math.floor(seconds * 10 + 1e-6));
  const whole = Math.floor(all / 10);
  const two = (n) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (h) return `${h}:${two(m)}:${two(s)}`;
  return tenths ? `${m}:${two(s)}.${all % 10}` : `${m}:${two(s)}`;
}

/** `3.9 s`, `4 min`. */
export const seconds = (count) => (count < 100 ? `${count.toFixed(1)} s` : `${Math.round(count / 60)} min`);

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

export function bytes(count) {
  let left = count;
  for (const unit of ["B", "kB", "MB", "GB"]) {
    if (left < 999.5) return `${unit === "B" || unit === "kB" || left >= 100 ? left.toFixed(0) : left.toFixed(1)} ${unit}`;
    left /= 1000;
  }
  return `${left.toFixed(1)} TB`;
}

export function minutes(count) {
  if (count === null || count === undefined) return "–";
  if (count >= 5400) return "> 90 h";
  return count >= 100 ? `${(count / 60).toFixed(count >= 600 ? 0 : 1)} h` : `${Math.floor(count)} min`;
}

export function figure(value, digits = 3) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? Math.max(0, digits - 2) : size >= 10 ? digits - 1 : digits);
}
