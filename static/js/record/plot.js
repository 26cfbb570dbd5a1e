// Ten seconds of joints, drawn on a canvas: no library redraws 12 lines at 30 Hz as cheaply as this.
import { colour, make } from "../lib/dom.js";

const WINDOW_S = 10;
const MOST_ROWS = 1500;
const HUES = 8;
const OLD_MS = 1000; // what came before that is not shown as live

export class LivePlot {
  constructor(name) {
    this.column = name === "state" ? 1 : 2;
    this.name = name;
    this.canvas = document.querySelector(`[data-plot="${name}"]`);
    this.legend = document.querySelector(`[data-legend="${name}"]`);
    this.rows = [];
    this.low = Infinity;
    this.high = -Infinity;
    this.heardAt = 0;
    this.recolour();
    setInterval(() => this.fade(), OLD_MS / 2);
    document.addEventListener("theme", () => this.recolour());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.recolour());
  }

  recolour() {
    this.colours = Array.from({ length: HUES }, (_, i) => colour(`--signal-${i + 1}`));
    this.line = colour("--line");
    this.text = colour("--text-faint");
    if (this.names) this.label(this.names, this.units);
    this.paint();
  }

  /** Lines that have stopped are seen to be old. */
  fade() {
    const isOld = this.rows.length > 0 && !document.hidden && performance.now() - this.heardAt > OLD_MS;
    this.canvas.parentElement.classList.toggle("is-old", isOld);
  }

  add({ names, units, rows = [] }) {
    if (names?.[this.name]) this.label(names[this.name], units?.[this.name]);
    if (rows.length) this.heardAt = performance.now();
    for (const row of rows) {
      if (Array.isArray(row[this.column])) this.rows.push([row[0], row[this.column]]);
    }
    const first = (this.rows.at(-1)?.[0] ?? 0) - WINDOW_S;
    const old = this.rows.findIndex(([t]) => t >= first);
    if (old > 0) this.rows.splice(0, old);
    if (this.rows.length > MOST_ROWS) this.rows.splice(0, this.rows.length - MOST_ROWS);
    if (!this.asked && !document.hidden) {
      this.asked = true;
      requestAnimationFrame(() => {
        this.asked = false;
        this.paint();
      });
    }
  }

  label(names, units = []) {
    Object.assign(this, { names, units });
    this.legend.replaceChildren(...names.slice(0, 12).map((name, i) => {
      const swatch = make("i");
      swatch.style.setProperty("background", this.colours[i % HUES]);
      return make("span", {}, swatch, name.replace(/\.pos$/, ""), units[i] ? ` ${units[i]}` : "");
    }));
  }

  /** The range grows at once and shrinks slowly, so that lines do not jump. */
  range() {
    let [low, high] = [Infinity, -Infinity];
    for (const [, values] of this.rows) {
      for (const value of values) {
        if (value < low) low = value;
        if (value > high) high = value;
      }
    }
    if (!(low <= high)) return [0, 1];
    if (high - low < 1e-6) [low, high] = [low - 0.5, high + 0.5];
    this.low = low < this.low ? low : this.low + (low - this.low) * 0.03;
    this.high = high > this.high ? high : this.high + (high - this.high) * 0.03;
    const margin = (this.high - this.low) * 0.06;
    return [this.low - margin, this.high + margin];
  }

  paint() {
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight];
    if (!width || !this.rows.length) return;
    if (this.canvas.width !== Math.round(width * ratio) || this.canvas.height !== Math.round(height * ratio)) {
      this.canvas.width = Math.round(width * ratio);
      this.canvas.height = Math.round(height * ratio);
    }
    const context = this.canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const [low, high] = this.range();
    const y = (value) => height - ((value - low) / (high - low)) * height;
    this.grid(context, width, height, low, high, y);
    const end = this.rows.at(-1)[0];
    const x = (t) => width * (1 - (end - t) / WINDOW_S);
    context.lineWidth = 1.5;
    context.lineJoin = "round";
    const lines = this.rows.at(-1)[1].length;
    for (let i = 0; i < lines; i += 1) {
      context.strokeStyle = this.colours[i % HUES];
      context.beginPath();
      for (const [t, values] of this.rows) context.lineTo(x(t), y(values[i]));
      context.stroke();
    }
  }

  grid(context, width, height, low, high, y) {
    const step = niceStep(high - low);
    context.strokeStyle = this.line;
    context.fillStyle = this.text;
    context.lineWidth = 1;
    context.font = "10px system-ui, sans-serif";
    for (let value = Math.ceil(low / step) * step; value <= high; value += step) {
      const at = Math.round(y(value)) + 0.5;
      context.beginPath();
      context.moveTo(0, at);
      context.lineTo(width, at);
      context.stroke();
      if (at > 10) context.fillText(String(+value.toFixed(6)), 2, at - 3);
    }
  }
}

function niceStep(range) {
  const raw = range / 3;
  const ten = 10 ** Math.floor(Math.log10(raw));
  return ten * [1, 2, 5, 10].find((step) => step * ten >= raw);
}
