// Every number of an episode as plots: state and action first. A click goes there; each joint can be switched off.
import { colour, make, say } from "../lib/dom.js";
import { figure } from "../lib/format.js";

const HUES = 8;
const TITLES = { "observation.state": "State", action: "Action" };
const FIRST = ["observation.state", "action"];

/** Raises with words for people; `signal` aborts. */
export async function fetchSignals(episode, signal) {
  const response = await fetch(`/media/${episode}/signals.bin`, { credentials: "same-origin", signal });
  if (!response.ok) {
    const answer = await response.json().catch(() => null);
    throw new Error(answer?.error?.message ?? `The signals could not be fetched (${response.status}).`);
  }
  const buffer = await response.arrayBuffer();
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const from = 4 + length;
  const columns = header.signals.map((_, i) => new Float32Array(buffer, from + i * header.rows * 4, header.rows));
  return { ...header, columns };
}

export class Signals {
  constructor(element, seek) {
    Object.assign(this, { element, seek, plots: [], frame: 0, hidden: new Set(), data: null });
    this.resizer = new ResizeObserver(() => this.fit());
    this.resizer.observe(element);
    document.addEventListener("theme", () => this.data && this.draw(this.data));
  }

  say(words) {
    this.element.classList.remove("is-old");
    this.data = null;
    this.clear();
    this.element.replaceChildren(make("p", { class: "loading" }, words));
  }

  clear() {
    this.plots.forEach(({ plot }) => plot.destroy());
    this.plots = [];
  }

  /** What is drawn is not of the episode that is shown. */
  old() {
    this.element.classList.add("is-old");
  }

  draw(data) {
    this.element.classList.remove("is-old");
    this.clear();
    this.data = data;
    const groups = Map.groupBy ? Map.groupBy(data.signals, (one) => one.feature) : groupBy(data.signals);
    const order = !data.rows ? [] : [...groups.keys()].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
    const time = Float64Array.from({ length: data.rows }, (_, i) => i / data.fps);
    this.element.replaceChildren();
    for (const feature of order) this.chart(feature, groups.get(feature), time);
    if (!order.length) this.say(data.rows ? "This episode has no signals." : "This episode has no rows: nothing was recorded.");
    for (const feature of data.left_out ?? []) this.element.append(make("p", { class: "hint" }, `${feature} is too big to be drawn.`));
    this.at(this.frame);
  }

  chart(feature, signals, time) {
    const place = make("div", { class: "signal-plot" });
    const legend = make("div", { class: "joints" });
    this.element.append(make("figure", { class: "signal" }, make("figcaption", {}, TITLES[feature] ?? feature, legend), place));
    const columns = signals.map((one) => this.data.columns[this.data.signals.indexOf(one)]);
    const axis = { stroke: colour("--text-faint"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
    const plot = new window.uPlot(
      {
        width: Math.max(200, place.clientWidth),
        height: this.height(),
        legend: { show: false },
        cursor: { y: false, points: { show: false }, drag: { x: false, y: false }, sync: { key: "signals" } },
        scales: { x: { time: false, range: [0, Math.max(time.at(-1) ?? 0, 1 / this.data.fps)] } },
        axes: [{ ...axis, size: 24, values: (_, splits) => splits.map((s) => `${s} s`) }, { ...axis, size: 44 }],
        series: [{}, ...signals.map((one, i) => ({ label: one.name, stroke: colour(`--signal-${(i % HUES) + 1}`), width: 1.4, points: { show: false }, show: !this.hidden.has(`${feature}/${one.name}`), dash: i >= HUES ? [5, 3] : undefined }))],
      },
      [time, ...columns],
      place,
    );
    const head = make("div", { class: "plot-head" });
    plot.over.append(head);
    plot.over.addEventListener("click", (event) => {
      const left = event.clientX - plot.over.getBoundingClientRect().left;
      this.seek(Math.round(plot.posToVal(left, "x") * this.data.fps));
    });
    const values = signals.map((one, i) => this.joint(legend, plot, feature, one, i));
    this.plots.push({ plot, head, place, values, columns });
  }

  joint(legend, plot, feature, one, i) {
    const key = `${feature}/${one.name}`;
    const value = make("b", { class: "num" });
    const swatch = make("i", { "aria-hidden": "true" });
    swatch.style.setProperty("background", colour(`--signal-${(i % HUES) + 1}`));
    const button = make("button", { type: "button", "aria-pressed": String(!this.hidden.has(key)), title: `Show or hide ${one.name}` }, swatch, one.name.replace(/\.pos$/, ""), value);
    button.addEventListener("click", () => {
      const hide = !this.hidden.has(key);
      this.hidden[hide ? "add" : "delete"](key);
      button.setAttribute("aria-pressed", String(!hide));
      plot.setSeries(i + 1, { show: !hide });
    });
    legend.append(button);
    return value;
  }

  at(frame) {
    this.frame = frame;
    for (const { plot, head, values, columns } of this.plots) {
      head.style.setProperty("transform", `translateX(${plot.valToPos(frame / this.data.fps, "x").toFixed(1)}px)`);
      values.forEach((value, i) => say(value, figure(columns[i][Math.min(frame, columns[i].length - 1)])));
    }
  }

  height() {
    return window.innerHeight < 800 ? 120 : 150;
  }

  fit() {
    for (const { plot, place } of this.plots) plot.setSize({ width: Math.max(200, place.clientWidth), height: this.height() });
    if (this.plots.length) this.at(this.frame);
  }
}

const rank = (feature) => (FIRST.includes(feature) ? FIRST.indexOf(feature) : FIRST.length);

function groupBy(signals) {
  const groups = new Map();
  for (const one of signals) groups.set(one.feature, [...(groups.get(one.feature) ?? []), one]);
  return groups;
}
