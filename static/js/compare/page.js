// Two takes side by side: one bar, one clock, the same keys as in the player.
import { say, show } from "../lib/dom.js";
import { clock } from "../lib/format.js";
import { setLost } from "../lib/lost.js";
import { keys } from "../lib/keys.js";
import { Signals, fetchSignals } from "../player/signals.js";
import { Stage } from "../player/stage.js";
import { Pair } from "./pair.js";

const RATES = [0.25, 0.5, 1, 2, 4];
const byId = (id) => document.getElementById(id);
const boxes = [...document.querySelectorAll("[data-side]")];
const episodes = boxes.map((box) => box.dataset.side);
const stages = boxes.map((box) => new Stage(box.querySelector(".stage")));
const range = byId("range");

const pair = new Pair(episodes, {
  opened(i, about) {
    stages[i].have(about.cameras);
    range.max = String(Math.round(pair.seconds * 1000));
    say(byId("length"), clock(pair.seconds));
    say(boxes[i].querySelector("[data-frames]"), Math.max(0, about.frames - 1));
    (about.problems ?? []).forEach((text) => problem(i, text));
  },
  shown(i, frame, pictures) {
    stages[i].show(pictures);
    plots[i].at(frame);
    say(boxes[i].querySelector("[data-frame]"), frame);
  },
  moved(seconds) {
    range.value = String(Math.round(seconds * 1000));
    range.setAttribute("aria-valuetext", clock(seconds));
    say(byId("at-time"), clock(seconds));
  },
  playing(is) {
    const use = byId("play").querySelector("use");
    use.setAttribute("href", use.getAttribute("href").replace(/#.*/, is ? "#pause" : "#play"));
    byId("play").setAttribute("aria-label", is ? "Pause" : "Play");
  },
  problem,
  lost: (is) => setLost("play", is),
});

const plots = boxes.map((box, i) => new Signals(box.querySelector(".signals"), (frame) => {
  pair.pause();
  pair.seek((frame - pair.first(pair.sides[i])) / pair.sides[i].fps);
}));
episodes.forEach((episode, i) => fetchSignals(episode).then((data) => plots[i].draw(data), (error) => plots[i].say(error.message)));
stages.forEach((stage) => stage.layout("large"));

function problem(i, text) {
  const box = boxes[i].querySelector("[data-problem]");
  say(box, text);
  show(box, true);
}

const toggle = () => (pair.playing ? pair.pause() : pair.play());
const enlarge = (index) => stages.forEach((stage) => stage.enlarge(index));

function setRate(rate) {
  pair.setRate(rate);
  for (const button of document.querySelectorAll("[data-rate]")) button.setAttribute("aria-pressed", String(Number(button.dataset.rate) === rate));
}

function setAlign(align) {
  pair.align = align;
  for (const button of document.querySelectorAll("[data-align]")) button.setAttribute("aria-pressed", String(button.dataset.align === align));
  pair.seek(pair.wanted);
}

const faster = (by) => setRate(RATES[Math.min(RATES.length - 1, Math.max(0, RATES.indexOf(pair.rate) + by))]);

function setLoop(loop) {
  pair.loop = loop;
  byId("loop").setAttribute("aria-pressed", String(loop));
}

range.addEventListener("input", () => {
  pair.pause();
  pair.seek(Number(range.value) / 1000);
});
byId("play").addEventListener("click", toggle);
byId("loop").addEventListener("click", () => setLoop(!pair.loop));
document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const { rate, step, align } = button.dataset;
  if (rate) setRate(Number(rate));
  else if (step) pair.step(Number(step));
  else if (align) setAlign(align);
  // The same camera is large on both sides.
  const stage = button.closest(".stage");
  if (stage) enlarge([...stage.children].indexOf(button));
  if (event.detail > 0) button.blur();
});
window.addEventListener("pagehide", () => pair.end());

keys(
  {
    " ": toggle,
    ArrowLeft: () => pair.step(-1),
    ArrowRight: () => pair.step(1),
    "Ctrl+ArrowLeft": () => pair.step(-5),
    "Ctrl+ArrowRight": () => pair.step(5),
    "Shift+ArrowLeft": () => pair.step(-10),
    "Shift+ArrowRight": () => pair.step(10),
    Home: () => pair.seek(0),
    End: () => pair.seek(pair.seconds),
    "<": () => faster(-1),
    ">": () => faster(1),
    l: () => setLoop(!pair.loop),
    ...Object.fromEntries([1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => [String(n), () => enlarge(n - 1)])),
  },
  { repeat: ["", "Ctrl+", "Shift+"].flatMap((with_) => [`${with_}ArrowLeft`, `${with_}ArrowRight`]) },
);
