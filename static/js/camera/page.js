// This device's camera as a rig's camera: one frame in flight, and the next only when the rig has it.
import { make, remember, remembered, say, show } from "../lib/dom.js";
import { Link, VERSION } from "../lib/socket.js";
import { Frames } from "./frames.js";

const UNANSWERED_MS = 1500;
const COUNT_MS = 1000;
const LAYOUT = 1; // of a message with a picture, as in robotdata/rig/browser_inputs.py
const WORDS = {
  ready: "Connecting …",
  sending: "Sending",
  offline: "The rig is offline",
  lost: "No connection to robotdata",
};
const REASONS = {
  NotAllowedError: "The browser may not use the camera. Allow it in the browser's settings for this page, then start again.",
  NotFoundError: "This device has no camera.",
  NotReadableError: "Another program uses the camera. Close it, then start again.",
};

const main = document.getElementById("camera");
const video = document.getElementById("video");
const devices = document.getElementById("devices");
const button = document.getElementById("start");
const [width, height, fps] = ["width", "height", "fps"].map((name) => Number(main.dataset[name]));
const frames = new Frames(video, { width, height, fps });
let [stream, link, lock] = [null, null, null];
let flight = null; // the frame that has no answer yet: its number, and when it was sent
let [seq, clock, answeredAt, taken] = [0, null, 0, 0];

async function start(deviceId) {
  stop();
  if (!navigator.mediaDevices?.getUserMedia) {
    tell("bad", "Browsers give their camera only to pages over https. Open this page by its https address.");
    return;
  }
  const wanted = deviceId ? { deviceId: { exact: deviceId } } : { facingMode: { ideal: "environment" } };
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: { ...wanted, width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: fps } },
    });
  } catch (error) {
    tell("bad", REASONS[error.name] ?? `The camera cannot be used: ${error.message || error.name}`);
    return;
  }
  stream.getVideoTracks()[0].addEventListener("ended", () => {
    stop();
    tell("bad", "The camera has been taken away. Start again.");
  });
  video.srcObject = stream;
  await video.play();
  show(document.getElementById("none"), false);
  button.setAttribute("aria-pressed", "true");
  say(button, "Stop");
  await list();
  await stayAwake();
  tell("off", WORDS.ready);
  connect();
}

function stop() {
  for (const track of stream?.getTracks() ?? []) track.stop();
  link?.end();
  lock?.release().catch(() => {});
  [stream, link, lock, flight, clock] = [null, null, null, null, null];
  video.srcObject = null;
  frames.stop();
  show(document.getElementById("none"), true);
  button.setAttribute("aria-pressed", "false");
  say(button, "Start camera");
  say(document.getElementById("rate"), "");
  tell("off", "Not started");
}

function connect() {
  const mine = new Link(main.dataset.socket, {
    open() {
      [flight, clock] = [null, null];
      seq += 1;
      link.send({ type: "frame", seq });
      frames.each(send);
    },
    text: hear,
    closed() {
      if (link !== mine) return; // we ended it
      frames.stop();
      tell("bad", WORDS.lost);
    },
  });
  link = mine;
}

/** Whether the next frame is wanted: nobody waits for a frame that the connection cannot carry. */
function isFree() {
  return Boolean(link?.isOpen) && clock !== null && (!flight || performance.now() - flight.sentAt > UNANSWERED_MS);
}

async function send(capture) {
  if (!isFree()) {
    if (link?.isOpen && clock === null && performance.now() - answeredAt > UNANSWERED_MS) ask();
    return;
  }
  seq += 1;
  flight = { seq, sentAt: performance.now() };
  const { jpeg, capturedAt } = await capture();
  if (!jpeg || !link?.isOpen) {
    flight = null;
    return;
  }
  const now = performance.now();
  flight.sentAt = now;
  const head = { type: "frame", v: VERSION, seq, age_s: Math.max(0, now - capturedAt) / 1000, echo: clock, held_s: (now - answeredAt) / 1000 };
  const words = new TextEncoder().encode(JSON.stringify(head));
  const sizes = new DataView(new ArrayBuffer(4));
  sizes.setUint16(0, LAYOUT);
  sizes.setUint16(2, words.length);
  link.socket.send(new Blob([sizes.buffer, words, jpeg]));
}

/** Ask for the rig's clock, before the first frame and after the rig was away. */
function ask() {
  answeredAt = performance.now();
  seq += 1;
  link.send({ type: "frame", seq });
}

function hear(answer) {
  if (answer.type !== "frame") return;
  if (flight?.seq === answer.seq) flight = null;
  answeredAt = performance.now();
  clock = typeof answer.clock === "number" && answer.state !== "taken" ? answer.clock : null;
  if (answer.state === "sending") taken += 1;
  if (answer.state === "taken") tell("bad", `${answer.by || "Another device"} is this camera already. Stop it there first.`);
  else if (answer.state === "invalid") tell("bad", answer.text || "The rig refuses these pictures: reload this page.");
  else tell(answer.state === "offline" ? "bad" : answer.state === "sending" ? "sending" : "off", WORDS[answer.state] ?? answer.state);
}

function tell(state, words) {
  main.dataset.state = state;
  say(document.getElementById("words"), words);
}

async function list() {
  const all = (await navigator.mediaDevices.enumerateDevices()).filter((device) => device.kind === "videoinput");
  const used = stream.getVideoTracks()[0].getSettings().deviceId;
  devices.replaceChildren(...all.map((device, i) => make("option", { value: device.deviceId, selected: device.deviceId === used }, device.label || `Camera ${i + 1}`)));
  show(document.getElementById("choice"), all.length > 1);
}

/** A phone that goes to sleep stops its camera. */
async function stayAwake() {
  try {
    lock = await navigator.wakeLock?.request("screen");
  } catch {
    lock = null; // not allowed, with a low battery perhaps: the page says to keep the screen on
  }
}

button.addEventListener("click", () => (stream ? stop() : start(remembered("camera-device", ""))));
devices.addEventListener("change", () => {
  remember("camera-device", devices.value);
  start(devices.value);
});
document.addEventListener("visibilitychange", () => stream && !document.hidden && stayAwake());
window.addEventListener("pagehide", () => link?.end());
setInterval(() => {
  if (stream) say(document.getElementById("rate"), main.dataset.state === "sending" ? `${taken} fps` : "");
  taken = 0;
}, COUNT_MS);
