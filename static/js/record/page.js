// The record page: one socket, and who is told what came over it.
import { remember, remembered, say, show, told } from "../lib/dom.js";
import { sinceWords } from "../lib/format.js";
import { setLost } from "../lib/lost.js";
import { Link } from "../lib/socket.js";
import { Pairing } from "../camera/pairing.js";
import { Drive } from "../drive/drive.js";
import { showRig } from "../live.js";
import { Arrows } from "./arrows.js";
import { Awake } from "./awake.js";
import { Controls } from "./controls.js";
import { Emergency } from "./emergency.js";
import { Facts } from "./facts.js";
import { RecordForm } from "./form.js";
import { Ghost } from "./ghost.js";
import { LoopTime } from "./loop_time.js";
import { LivePlot } from "./plot.js";
import { Preflight } from "./preflight.js";
import { Pulse } from "./pulse.js";
import { Remarks } from "./remarks.js";
import { Replay } from "./replay.js";
import { Sound } from "./sound.js";
import { Stage } from "./stage.js";
import { Target } from "./target.js";
import { Timer } from "./timer.js";
import { Watching } from "./watching.js";

const ACKS_EVERY_MS = 12;
let link = null;
const desk = document.getElementById("desk");
const sound = new Sound(document.getElementById("mute"));
const form = new RecordForm(document.getElementById("record-form"));
const controls = new Controls(desk, form);
const preflight = new Preflight(desk, form, () => controls.justChanged.asked());
const emergency = new Emergency(desk, (message) => {
  controls.justChanged.asked();
  link?.send(message);
});
const pulse = new Pulse((message) => link?.send(message) ?? false, silent);
const stage = new Stage(document.getElementById("stage"), told("cameras") ?? [], { wanted: watch, now: () => pulse.now(), drawn });
const remarks = new Remarks(desk);
const timer = new Timer(sound, () => pulse.now());
const facts = new Facts(desk);
const awake = new Awake();
const replay = new Replay();
const watching = new Watching(desk.dataset.watch);
new Target(sound, form.form.elements.target);
const loopTime = new LoopTime();
const pairing = new Pairing(stage, document.getElementById("pairing"));
const drive = new Drive(document.getElementById("drive"));
const plots = ["state", "action"].map((name) => new LivePlot(name));
let done = []; // the places of cameras, one for each picture that is dealt with and not yet told

link = new Link(desk.dataset.socket, {
  open() {
    setLost("live", false);
    pulse.begin();
    watch();
  },
  text(message) {
    if (message.type === "status") onStatus(message);
    else if (message.type === "telemetry") plots.forEach((plot) => plot.add(message));
    else if (message.type === "pong") pulse.answered(message);
    else if (message.type === "reply") emergency.answered(message);
  },
  bytes(buffer) {
    const view = new DataView(buffer);
    stage.draw(view.getUint8(1), new Uint8Array(buffer, 16), Number(view.getBigUint64(8)) / 1e9);
  },
  closed: lost,
});

function watch() {
  link?.send({ type: "watch", cameras: document.hidden ? {} : stage.wanted() });
}

/** The server sends the next picture once this one is dealt with; several are told together. */
function drawn(camera) {
  if (!done.length) {
    setTimeout(() => {
      link.send({ type: "drawn", cameras: done });
      done = [];
    }, ACKS_EVERY_MS);
  }
  done.push(camera);
}

function onStatus(status) {
  const online = status.online !== false;
  showRig(desk.dataset.rig, status.label, status.tone);
  if (Array.isArray(status.cameras)) stage.have(status.cameras);
  if (online) stage.health(status.counters?.cameras ?? {}, status.warnings ?? []);
  else stage.gone("Rig offline");
  controls.show(status);
  preflight.show(status);
  remarks.show(status);
  emergency.show(status);
  drive.have(status);
  pairing.show(status);
  timer.show(status);
  awake.show(status);
  replay.show(status);
  watching.show(status);
  loopTime.show(online ? status.counters?.loop : null);
  if (online) facts.show(status);
  else facts.clear();
  offline(online ? null : status);
}

/** What a rig that is offline needs, in the place of what it would say. */
function offline(status) {
  const since = document.getElementById("offline-since");
  if (status) say(since, sinceWords(status.since ?? Number(since.dataset.since)));
  show(document.getElementById("offline-take"), Boolean(status?.cut_off));
  show(document.getElementById("offline"), Boolean(status));
}

function lost() {
  setLost("live", true);
  controls.lost();
  preflight.show({ online: false });
  remarks.show({ online: false });
  loopTime.show(null);
  timer.lost();
  watching.show({ online: false }); // its Stop buttons are dead: nobody could stop a replay here
  showRig(desk.dataset.rig, "no connection", "");
  facts.clear();
  stage.gone("Connection lost");
}

/** The socket is open, and nobody answers on it. */
function silent() {
  lost();
  link.renew();
}

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
const ghost = new Ghost(desk.dataset.rig, stage, form.dataset);
if (desk.dataset.keys === "lerobot") new Arrows(controls);
controls.keys({
  s: () => remarks.mark("success"),
  f: () => remarks.mark("failure"),
  n: () => remarks.note(),
  m: () => sound.toggle(),
  o: () => ghost.toggle(),
  g: () => layout(stage.name === "grid" ? "large" : "grid"),
  ...Object.fromEntries([1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => [String(n), () => stage.enlarge(n - 1)])),
});
