// The socket says that something moved; whatever shows it fetches itself again.
// An element names what it shows: data-live="episode:<id> batches:<slug> ...".
import { say, show } from "./lib/dom.js";
import { Link } from "./lib/socket.js";

const AT_MOST_EVERY_MS = 400;
const RIG_TONES = { idle: "good", connecting: "warn", countdown: "warn", recording: "rec", saving: "accent", resetting: "accent", paused: "warn", error: "bad" };
const RIG_WORDS = { idle: "ready", lost: "no connection", error: "needs help", countdown: "about to record" };
const NEAR = "3000px";
// Of thousands of cards those far away wait until one comes near them.
const near = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    near.unobserve(target);
    if (target.isConnected) window.htmx?.trigger(target, "moved");
  }
}, { rootMargin: NEAR });
const due = new WeakMap();
const rigs = new Map();
const arriving = new Set();
let lostTimer = 0;
let wasLost = false;

export const rigTone = (state) => (RIG_TONES[state] ? `tone-${RIG_TONES[state]}` : "");
export const rigWords = (state) => RIG_WORDS[state] ?? state;

/** Ring an element now, and once more at the end of a burst. */
export function ring(element) {
  // What is being filled in is not fetched away.
  if ("keepsOpen" in element.dataset && element.querySelector("details[open]")) return;
  if (due.has(element)) {
    due.set(element, true);
    return;
  }
  if (element.matches(".take")) near.observe(element);
  else window.htmx?.trigger(element, "moved");
  due.set(element, false);
  setTimeout(() => {
    const again = due.get(element);
    due.delete(element);
    if (again && element.isConnected) ring(element);
  }, AT_MOST_EVERY_MS);
}

export function ringTopics(topics) {
  for (const element of document.querySelectorAll("[data-live]")) {
    if (element.dataset.live.split(" ").some((topic) => topics.includes(topic))) ring(element);
  }
}

function topicsOf({ kind, id, dataset, rig, batch }) {
  switch (kind) {
    case "episode":
      return [`episode:${id}`, "episodes", `episodes:${dataset}`, `episodes@${rig}`];
    case "job":
      return [`batch:${batch}`, `batches:${dataset}`];
    case "batch":
      return [`batch:${id}`, "batches", `batches:${dataset}`];
    case "session":
      return [`session@${rig}`];
    case "dataset":
      return [`dataset:${id}`, "datasets"];
    default:
      return [];
  }
}

function rigMoved({ id, state }) {
  if (rigs.get(id) === state) return;
  rigs.set(id, state);
  showRig(id, state);
  ringTopics(["rigs"]);
}

export function showRig(name, state) {
  for (const chip of document.querySelectorAll("[data-rig-chip]")) {
    if (chip.dataset.rigChip !== name) continue;
    chip.className = `chip ${rigTone(state)}`;
    chip.title = `${name}: ${rigWords(state)}`;
    say(chip.querySelector("[data-rig-words]"), rigWords(state));
  }
}

/** A take that is newer than all of the list comes to its top; what moves further down is no new one. */
function arrived({ id, dataset, state, verdict, recorded_at: at }) {
  if (state === "recording" || state === "encoded" || verdict !== "unreviewed") return;
  if (arriving.has(id) || document.getElementById(`take-${id}`)) return;
  for (const list of document.querySelectorAll("[data-arrivals]")) {
    if (list.dataset.arrivals !== dataset || list.dataset.view !== "review") continue;
    const newest = list.querySelector(".take time")?.dateTime;
    if (newest && !(Date.parse(at) >= Date.parse(newest))) continue;
    const camera = new URLSearchParams(location.search).get("camera");
    const card = `/episodes/${id}/card/?view=review&wall=yes${camera ? `&camera=${encodeURIComponent(camera)}` : ""}`;
    arriving.add(id);
    window.htmx.ajax("GET", card, { target: list, swap: "afterbegin" }).finally(() => arriving.delete(id));
  }
}

function heard(message) {
  if (message.type === "refresh") {
    document.querySelectorAll("[data-live]").forEach(ring);
    return;
  }
  if (message.kind === "rig") rigMoved(message);
  if (message.kind === "episode") arrived(message);
  if (message.kind === "batch" && !document.getElementById(`batch-${message.id}`)) ringTopics(["new-batch"]);
  if (message.kind === "batch" && ["done", "failed", "cancelled"].includes(message.state)) ringTopics(["new-batch"]);
  ringTopics(topicsOf(message));
  document.dispatchEvent(new CustomEvent("row-moved", { detail: message }));
}

/** The banner comes only when the loss lasts: a hiccup is not worth a word. */
function lost(isLost) {
  clearTimeout(lostTimer);
  const banner = document.getElementById("lost");
  if (!isLost) {
    show(banner, false);
    return;
  }
  wasLost = true;
  lostTimer = setTimeout(() => show(banner, true), 2500);
}

export function listen() {
  const link = new Link("/ws/events/", {
    open() {
      lost(false);
      // Whatever moved meanwhile was not told.
      if (wasLost) document.querySelectorAll("[data-live]").forEach(ring);
      wasLost = false;
    },
    text: heard,
    closed: () => lost(true),
  });
  window.addEventListener("pagehide", () => link.end());
}
