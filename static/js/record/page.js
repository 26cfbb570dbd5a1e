// The record page: one socket, and who is told what came over it.
import { remember, remembered, show, told } from "../lib/dom.js";
import { Link } from "../lib/socket.js";
import { showRig } from "../live.js";
import { Controls } from "./controls.js";
import { Facts } from "./facts.js";
import { RecordForm } from "./form.js";
import { LivePlot } from "./plot.js";
import { Sound } from "./sound.js";
import { Stage } from "./stage.js";
import { Timer } from "./timer.js";

const SILENT_MS = 2500;
let link = null;
const desk = document.getElementById("desk");
const sound = new Sound(document.getElementById("mute"));
const form = new RecordForm(document.getElementById("record-form"));
const controls = new Controls(desk, form);
const stage = new Stage(document.getElementById("stage"), told("cameras") ?? [], watch);
const timer = new Timer(sound);
const facts = new Facts(desk);
const plots = ["state", "action"].map((name) => new LivePlot(name));
let heardAt = performance.now();

link = new Link(desk.dataset.socket, {
  open: watch,
  text(message) {
    heardAt = performance.now();
    if (message.type === "status") onStatus(message);
    else if (message.type === "telemetry") onTelemetry(message);
  },
  bytes(buffer) {
    heardAt = performance.now();
    const view = new DataView(buffer);
    const captured_s = Number(view.getBigUint64(8)) / 1e9;
    stage.draw(view.getUint8(1), new Uint8Array(buffer, 16), captured_s - timer.ahead_s);
  },
});

function watch() {
  link?.send({ type: "watch", cameras: document.hidden ? {} : stage.wanted() });
}

function onStatus(status) {
  const online = status.online !== false;
  showRig(desk.dataset.rig, status.state);
  if (Array.isArray(status.cameras)) stage.have(status.cameras);
  stage.health(online ? status.counters?.cameras ?? {} : null);
  controls.show(status);
  timer.show(status);
  facts.show(status);
}

function onTelemetry(message) {
  if (message.t) timer.rigSaid(message.t);
  for (const plot of plots) plot.add(message);
}

// The socket may be open and yet say nothing: that is a loss as well.
setInterval(() => {
  const silent = performance.now() - heardAt > SILENT_MS;
  show(document.getElementById("lost"), silent);
  if (silent) controls.lost();
}, 500);

document.addEventListener("visibilitychange", watch);
window.addEventListener("pagehide", () => link.end());

for (const button of document.querySelectorAll("[data-layout-to]")) {
  button.addEventListener("click", () => layout(button.dataset.layoutTo));
}

function layout(name) {
  stage.layout(name);
  remember("stage", name);
  for (const button of document.querySelectorAll("[data-layout-to]")) {
    button.setAttribute("aria-pressed", String(button.dataset.layoutTo === name));
  }
}

layout(remembered("stage", "large"));
controls.keys({
  m: () => sound.toggle(),
  g: () => layout(stage.name === "grid" ? "large" : "grid"),
  ...Object.fromEntries([1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => [String(n), () => stage.enlarge(n - 1)])),
});
