// Every number of an episode as plots: action (dashed) over state first. A click goes there; each joint can be switched off.
import { reach } from "../lib/api.js";
import { colour, make, say } from "../lib/dom.js";
import { figure } from "../lib/format.js";
import { plotsOf, stepOf, thinned, timeAxis, times, unitOf } from "./plot_groups.js";

const HUES = 8;
const MORE = [7, 3, 2, 3]; // the hues again, from the ninth joint on
// The action, and the other action of a take: requested where the dataset gets what was sent, or the reverse.
const KINDS = { over: { dash: [3, 3], width: 1.1 }, also: { dash: [1, 3], width: 0.8 } };
const OTHER = { requested: "what the teleoperator requested", sent: "what the robot sent" };

/** Raises with words for people; `signal` aborts. */
export async function fetchSignals(episode, signal) {
  const response = await reach(`/media/${episode}/signals.bin`, { signal });
  if (!response.ok) {
    const answer = await response.json().catch(() => null);
    throw new Error(answer?.error?.message ?? `The signals could not be loaded (${response.status}).`);
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
    const again = () => this.data && this.draw(this.data);
    document.addEventListener("theme", again);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
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
    const plots = data.rows ? plotsOf(data) : [];
    const step = stepOf(data.rows);
    const time = times(data.rows, data.fps, step);
    this.element.replaceChildren();
    for (const one of plots) this.chart(one, time, step);
    if (!plots.length) this.say(data.rows ? "This episode has no signals." : "This episode has no frames: nothing was recorded.");
    for (const feature of data.left_out ?? []) this.element.append(make("p", { class: "hint" }, `${feature} is too large to plot.`));
    this.at(this.frame);
  }

  chart({ feature, title, other, lines }, time, step) {
    const place = make("div", { class: "signal-plot" });
    const legend = make("div", { class: "joints" });
    const shared = unitOf(lines);
    const words = shared ? `${title}, ${shared}` : title;
    this.element.append(make("figure", { class: "signal" }, make("figcaption", {}, words, legend), place));
    const series = [{}];
    const columns = [];
    const drawn = ["column", ...Object.keys(KINDS)].flatMap((kind) => lines.filter((line) => line[kind]).map((line) => [line, kind]));
    for (const [line, kind] of drawn) {
      const i = lines.indexOf(line);
      const { dash, width } = KINDS[kind] ?? { dash: i >= HUES ? MORE : undefined, width: 1.4 };
      series.push({ label: line.name, stroke: colour(`--signal-${(i % HUES) + 1}`), width, points: { show: false }, show: this.shows(feature, line, kind), dash });
      columns.push(thinned(line[kind], step));
    }
    const axis = { stroke: colour("--text-faint"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
    const plot = new window.uPlot(
      {
        width: Math.max(200, place.clientWidth),
        height: this.height(),
        legend: { show: false },
        cursor: { y: false, points: { show: false }, drag: { x: false, y: false }, sync: { key: "signals" } },
        scales: { x: { time: false, range: [0, Math.max((this.data.rows - 1) / this.data.fps, 1 / this.data.fps)] } },
        axes: [{ ...axis, size: 24, ...timeAxis(this.data) }, { ...axis, size: 44, space: 24 }],
        series,
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
    const one = { plot, head, place, feature, lines, drawn };
    if (lines.some((line) => line.over)) legend.append(this.button("over", make("i", { class: "dashed", "aria-hidden": "true" }), "action", "Show or hide the action over the state"));
    if (other) legend.append(this.button("also", make("i", { class: "dotted", "aria-hidden": "true" }), other, `Show or hide ${OTHER[other]}; the dataset gets the other action`));
    // The unit of all stands once, beside the title.
    one.values = lines.map((line, i) => this.joint(legend, feature, line, i, shared ? "" : line.unit));
    this.plots.push(one);
  }

  shows(feature, line, kind) {
    return !this.hidden.has(`${feature}/${line.name}`) && !this.hidden.has(kind);
  }

  button(key, swatch, words, title, ...more) {
    const button = make("button", { type: "button", "aria-pressed": String(!this.hidden.has(key)), title }, swatch, words, ...more);
    button.addEventListener("click", () => this.toggle(key));
    button.dataset.shown = key;
    return button;
  }

  joint(legend, feature, line, i, unit) {
    const value = make("b", { class: line.over ? "num is-pair" : "num" });
    const swatch = make("i", { "aria-hidden": "true" });
    swatch.style.setProperty("background", colour(`--signal-${(i % HUES) + 1}`));
    legend.append(this.button(`${feature}/${line.name}`, swatch, unit ? `${line.short} ${unit}` : line.short, `Show or hide ${line.name}`, value));
    return value;
  }

  /** One joint, or one of the actions of all. */
  toggle(key) {
    this.hidden[this.hidden.has(key) ? "delete" : "add"](key);
    for (const button of this.element.querySelectorAll("[data-shown]")) button.setAttribute("aria-pressed", String(!this.hidden.has(button.dataset.shown)));
    for (const { plot, feature, drawn } of this.plots) {
      plot.batch(() => drawn.forEach(([line, kind], i) => {
        const show = this.shows(feature, line, kind);
        if (plot.series[i + 1].show !== show) plot.setSeries(i + 1, { show });
      }));
    }
  }

  at(frame) {
    this.frame = frame;
    for (const { plot, head, values, lines } of this.plots) {
      head.style.setProperty("transform", `translateX(${plot.valToPos(frame / this.data.fps, "x").toFixed(1)}px)`);
      values.forEach((value, i) => say(value, lines[i].over ? `${now(lines[i].column, frame)} → ${now(lines[i].over, frame)}` : now(lines[i].column, frame)));
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

const now = (column, frame) => figure(column[Math.min(frame, column.length - 1)]);
