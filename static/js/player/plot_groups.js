// Which numbers share a plot: action over state where both have the same joints, and apart what differs in scale.

const TITLES = { "observation.state": "State", action: "Action" };
const FIRST = ["observation.state", "action"];
// Spans that differ by more than this would make a flat line of the smaller one.
const APART = 6;
const POINTS = 1600;
// Longer ones leave no room for their numbers.
const LONG_NAME = 24;

/** The feature of a take's other action: the one that its dataset does not get, where the two differ. */
const OTHERS = ["action/requested", "action/sent"];

/**
 * Plots as { feature, title, other, lines: [{ name, unit, short, column, over, also, span }] }. `over` is the action's column,
 * `also` the other action's, or null; `other` is "requested" or "sent", or empty without one.
 */
export function plotsOf(data) {
  const features = new Map();
  const shorter = withoutEnd(data.signals.map(({ name }) => name));
  data.signals.forEach(({ feature, name, unit = "" }, i) => {
    if (!features.has(feature)) features.set(feature, []);
    features.get(feature).push({ name, unit, short: shorter(name), column: data.columns[i], over: null, also: null });
  });
  const second = OTHERS.find((feature) => features.has(feature));
  const others = features.get(second) ?? [];
  features.delete(second);
  const [state, action] = FIRST.map((feature) => features.get(feature));
  const paired = Boolean(state && action && state.map((one) => one.name).join("\n") === action.map((one) => one.name).join("\n"));
  if (paired) {
    state.forEach((line, i) => Object.assign(line, { over: action[i].column }));
    features.delete("action");
  }
  const beside = paired ? FIRST[0] : "action";
  others.forEach((line, i) => Object.assign(features.get(beside)[i], { also: line.column }));
  const order = [...features.keys()].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
  return order.flatMap((feature) => {
    const title = paired && feature === FIRST[0] ? "State and action" : TITLES[feature] ?? feature;
    return byScale(features.get(feature)).map((lines) => ({ feature, title, other: others.length && feature === beside ? second.slice("action/".length) : "", lines }));
  });
}

/** What is left of a name without ".pos"; of long ones without all that they end with alike. */
function withoutEnd(names) {
  const usual = (name) => name.replace(/\.pos$/, "");
  if (names.length < 2 || names.every((name) => usual(name).length <= LONG_NAME)) return usual;
  let end = names[0];
  while (!names.every((name) => name.endsWith(end))) end = end.slice(1);
  end = /[._ ].*/.exec(end)?.[0] ?? "";
  return (name) => (end && name.length > end.length ? name.slice(0, -end.length) : usual(name));
}

/** The unit that all lines of a plot share, empty where they differ, or nobody knows. */
export const unitOf = (lines) => (lines.every(({ unit }) => unit === lines[0].unit) ? lines[0].unit : "");

const rank = (feature) => (FIRST.includes(feature) ? FIRST.indexOf(feature) : FIRST.length);

function byScale(lines) {
  for (const line of lines) line.span = Math.max(...[line.column, line.over, line.also].map((column) => (column ? reach(column) : 0)));
  const sorted = lines.filter((line) => line.span > 0).sort((a, b) => b.span - a.span);
  const groups = [];
  for (const line of sorted) {
    const newest = groups.at(-1);
    if (newest && newest.at(-1).span < line.span * APART) newest.push(line);
    else groups.push([line]);
  }
  // What is zero throughout stands with the largest; joints keep their order.
  (groups[0] ?? (groups[0] = [])).push(...lines.filter((line) => !(line.span > 0)));
  return groups.map((group) => group.sort((a, b) => lines.indexOf(a) - lines.indexOf(b)));
}

function reach(column) {
  let most = 0;
  for (let i = 0; i < column.length; i += 1) {
    const value = Math.abs(column[i]);
    if (value > most && value < Infinity) most = value;
  }
  return most;
}

/** How many rows make one step of a plot: 1 where there are few. */
export const stepOf = (rows) => (rows > 2 * POINTS ? Math.ceil(rows / POINTS) : 1);

/** The least and the greatest of every `step` rows, in the order in which they come: no peak is lost. */
export function thinned(column, step) {
  if (step === 1) return column;
  const count = Math.ceil(column.length / step);
  const out = new Float32Array(2 * count);
  for (let at = 0; at < count; at += 1) {
    const end = Math.min(column.length, (at + 1) * step);
    let [least, most] = [at * step, at * step];
    for (let i = at * step; i < end; i += 1) {
      if (column[i] < column[least] || Number.isNaN(column[least])) least = i;
      if (column[i] > column[most] || Number.isNaN(column[most])) most = i;
    }
    out[2 * at] = column[Math.min(least, most)];
    out[2 * at + 1] = column[Math.max(least, most)];
  }
  return out;
}

const LONG_S = 120;
const minutes = (s) => `${Math.floor(s / 60)}:${String(Math.round(s % 60)).padStart(2, "0")}`;

/** Seconds; of long ones minutes, as everywhere else on the page. */
export function timeAxis({ rows, fps }) {
  if (rows / fps < LONG_S) return { values: (_, splits) => splits.map((s) => `${s} s`) };
  return { incrs: [10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400], values: (_, splits) => splits.map(minutes) };
}

/** The times of what `thinned` gives, in seconds. */
export function times(rows, fps, step) {
  if (step === 1) return Float64Array.from({ length: rows }, (_, i) => i / fps);
  return Float64Array.from({ length: 2 * Math.ceil(rows / step) }, (_, i) => Math.min(rows - 1, (Math.floor(i / 2) + (i % 2 ? 0.75 : 0.25)) * step) / fps);
}
