// What the devices take of the loop's ticks: parts on top of one another, the period as a line, and words for what is too slow.
import { colour, make, say, show } from "../lib/dom.js";

const PARTS = [
  { name: "observe", words: "observe", colour: "--signal-1", who: "The robot takes", what: " to be observed" },
  { name: "teleoperate", words: "teleoperator", colour: "--signal-3", who: "The teleoperator takes", what: "" },
  { name: "act", words: "act", colour: "--signal-2", who: "The robot takes", what: " to act" },
  { name: "cameras", words: "cameras", colour: "--signal-4", who: "The cameras that the loop reads take", what: "" },
];
const KEPT = 40; // statuses, four a second: ten seconds, as the plots beside it
const LONG_MS = 10;

export class LoopTime {
  constructor() {
    this.box = document.getElementById("loop-time");
    this.canvas = document.getElementById("loop-plot");
    this.legend = document.getElementById("loop-legend");
    this.words = document.getElementById("loop-words");
    this.rows = [];
    this.period = 0;
    this.numbers = new Map([...PARTS, { name: "wait" }].map(({ name }) => [name, make("b", { class: "num" }, "–")]));
    document.addEventListener("theme", () => this.recolour());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.recolour());
    this.recolour();
  }

  recolour() {
    this.colours = PARTS.map((part) => colour(part.colour));
    [this.line, this.text] = [colour("--text-dim"), colour("--text-faint")];
    this.legend.replaceChildren(...PARTS.map(({ name, words }, i) => {
      const swatch = make("i");
      swatch.style.setProperty("background", this.colours[i]);
      return make("span", { "data-part": name }, swatch, `${words} `, this.numbers.get(name));
    }), make("span", { "data-part": "wait" }, "wait ", this.numbers.get("wait"), " ms"));
    this.paint();
  }

  /** `times`: period_ms and the parts, each with p50_ms and p99_ms; null while no loop runs. */
  show(times) {
    const parts = times?.parts ?? {};
    const p50 = PARTS.map(({ name }) => number(parts[name]?.p50_ms));
    this.box.classList.toggle("is-old", !times);
    PARTS.forEach(({ name }, i) => {
      say(this.numbers.get(name), times ? p50[i].toFixed(1) : "–");
      show(this.legend.querySelector(`[data-part="${name}"]`), name !== "cameras" || p50[i] > 0.05);
    });
    say(this.numbers.get("wait"), times ? number(parts.wait?.p50_ms).toFixed(1) : "–");
    const slow = times ? tooSlow(p50, times.period_ms) : "";
    say(this.words, slow);
    show(this.words, Boolean(slow));
    if (!times) return;
    this.period = times.period_ms;
    const worst = PARTS.reduce((sum, { name }) => sum + number(parts[name]?.p99_ms), 0);
    this.rows.push([p50, worst]);
    if (this.rows.length > KEPT) this.rows.shift();
    this.canvas.setAttribute("aria-label", `Of ${ms(this.period)} a tick has, the devices take ${ms(total(p50))}`);
    if (!document.hidden) this.paint();
  }

  paint() {
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight];
    if (!width || !this.rows.length) return;
    Object.assign(this.canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
    const context = this.canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const top = Math.max(1.2 * this.period, 1.05 * Math.max(...this.rows.map(([p50]) => total(p50))));
    const y = (value) => height * (1 - Math.min(value, top) / top);
    const step = width / KEPT;
    const x = (n) => width - (this.rows.length - n) * step;
    this.rows.forEach(([p50, worst], n) => {
      let below = 0;
      p50.forEach((value, i) => {
        context.fillStyle = this.colours[i];
        context.fillRect(x(n), y(below + value), Math.max(1, step - 0.5), y(below) - y(below + value));
        below += value;
      });
      context.fillStyle = this.text;
      context.fillRect(x(n), y(worst) - 0.5, Math.max(1, step - 0.5), 1); // 99 of 100 ticks take less
    });
    this.mark(context, width, y(this.period));
  }

  mark(context, width, y) {
    context.strokeStyle = context.fillStyle = this.line;
    context.setLineDash([4, 3]);
    context.beginPath();
    context.moveTo(0, Math.round(y) + 0.5);
    context.lineTo(width, Math.round(y) + 0.5);
    context.stroke();
    context.setLineDash([]);
    context.font = "10px system-ui, sans-serif";
    context.fillText(`period ${ms(this.period)}`, 2, y - 3 > 9 ? y - 3 : y + 11);
  }
}

const number = (value) => (typeof value === "number" && value > 0 ? value : 0);
const total = (values) => values.reduce((sum, value) => sum + value, 0);
const ms = (value) => `${value.toFixed(value < LONG_MS ? 1 : 0)} ms`;

/** Every second tick is late where this is so. */
function tooSlow(p50, period) {
  const slowest = p50.indexOf(Math.max(...p50));
  const { who, what } = PARTS[slowest];
  if (p50[slowest] > period) return `${who} ${ms(p50[slowest])}${what}, more than the ${ms(period)} of a tick. Lower fps, or make its driver quicker.`;
  if (total(p50) > period) return `The devices take ${ms(total(p50))} together, more than the ${ms(period)} of a tick. Lower fps, or make the slowest driver quicker.`;
  return "";
}
