// The socket says that something moved; whatever shows it fetches itself again.
// An element names what it shows: data-live="episode:<id> operations:<slug> ...".
import { make, say } from "./lib/dom.js";
import { setLost } from "./lib/lost.js";
import { Link } from "./lib/socket.js";
import { missed, note, noteAll, watchAnswers } from "./moved.js";

const AT_MOST_EVERY_MS = 400;
const NEAR = "3000px";
// Of thousands of cards those far away wait until one comes near them.
const near = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    near.unobserve(target);
    if (target.isConnected) window.htmx?.trigger(target, "moved");
  }
}, { rootMargin: NEAR });
const due = new Map(); // by place, whether it moved again since its burst began
const rigs = new Map(); // by name, how it looks
const operations = new Map(); // by id, its state
let wasLost = false;

/** What is being filled in is not fetched away, nor is a button that waits for its second press: it rings when it no longer does. */
export const staysPut = (element) => Boolean(("keepsOpen" in element.dataset && element.querySelector("details[open]")) || element.querySelector("[data-armed]"));

/** What this element shows has moved. */
export function ring(element) {
  note(element.dataset.live?.split(" ") ?? []);
  bell(element);
}

/** What came after it was asked for at `since` is asked for again, where it moved meanwhile. */
export function ringIfMissed(element, since) {
  if (missed(element, since)) bell(element);
}

/** The path that an element fetches itself from: an answer that takes its place has the same one. */
const placeOf = (element) => element.getAttribute("hx-get").split("?")[0];

/** Fetch an element now, and whatever has its place again at the end of a burst. */
function bell(element) {
  if (staysPut(element)) return;
  const place = placeOf(element);
  if (due.has(place)) due.set(place, true);
  else burst(place, [element]);
}

function burst(place, elements) {
  for (const element of elements) {
    if (element.matches(".take")) near.observe(element);
    else window.htmx?.trigger(element, "moved");
  }
  due.set(place, false);
  setTimeout(() => {
    const again = due.get(place);
    due.delete(place);
    if (!again) return;
    const there = [...document.querySelectorAll(`[data-live][hx-get^="${CSS.escape(place)}"]`)].filter((other) => placeOf(other) === place && !staysPut(other));
    if (there.length) burst(place, there);
  }, AT_MOST_EVERY_MS);
}

function ringAll() {
  noteAll();
  document.querySelectorAll("[data-live]").forEach(bell);
  document.dispatchEvent(new CustomEvent("refreshed"));
}

export function ringTopics(topics) {
  note(topics);
  for (const element of document.querySelectorAll("[data-live]")) {
    if (element.dataset.live.split(" ").some((topic) => topics.includes(topic))) bell(element);
  }
}

function topicsOf({ kind, id, dataset, rig, operation }) {
  switch (kind) {
    case "episode":
      return [`episode:${id}`, "episodes", `episodes:${dataset}`, `episodes@${rig}`];
    case "job":
      return [`operation:${operation}`, `operations:${dataset}`];
    case "operation":
      return [`operation:${id}`, "operations", `operations:${dataset}`];
    case "session":
      return [`session@${rig}`];
    case "station":
      return [`station:${id}`, "stations"];
    case "dataset":
      return [`dataset:${id}`, "datasets"];
    default:
      return [];
  }
}

/** An operation moves with each step: what lists those that have ended is fetched again where one begins or ends. */
function operationMoved({ id, dataset, state }) {
  const ended = ["done", "failed", "cancelled"].includes(state);
  if (ended || !document.getElementById(`operation-${id}`)) ringTopics(["new-operation"]);
  if (operations.get(id) === state) return;
  operations.set(id, state);
  ringTopics([`past:${dataset}`]);
}

/** A rig moves with each command and each hiccup of a camera: tiles are fetched again where they would look different. */
function rigMoved({ id, state, label, tone, reason }) {
  const look = [state, label, tone, reason].join("\n");
  if (rigs.get(id) === look) return;
  rigs.set(id, look);
  showRig(id, label, tone);
  ringTopics(["rigs", `rig:${id}`]);
}

/** `label` and `tone` are the server's: how the rig's state is called, and the end of a CSS class. */
export function showRig(name, label, tone) {
  for (const chip of document.querySelectorAll("[data-rig-chip]")) {
    if (chip.dataset.rigChip === name) showChip(chip, label, tone, chip.querySelector("[data-rig-words]"), `${name}: ${label}`);
  }
}

export function showChip(chip, label, tone, words, title = "") {
  chip.className = tone ? `chip tone-${tone}` : "chip";
  if (title) chip.title = title;
  say(words, label);
}

/** By list of a dataset's page, what belongs to it of what comes while one looks. */
const BELONGS = {
  review: ({ state, verdict }) => state !== "encoded" && verdict === "unreviewed",
  committed: ({ state }) => state === "encoded",
  all: ({ state }) => state === "encoded",
};

/** What is new in a list, or comes back to it, comes to its place in what is loaded. */
function arrived({ id, dataset, state, verdict, recorded_at: at }) {
  if (state === "recording") return;
  if (document.getElementById(`take-${id}`)) return;
  for (const list of document.querySelectorAll("[data-arrivals]")) {
    if (list.querySelector(`[data-coming="${CSS.escape(id)}"]`)) continue;
    if (list.dataset.arrivals !== dataset || !BELONGS[list.dataset.view]?.({ state, verdict })) continue;
    const older = [...list.querySelectorAll(".take")].find((each) => Date.parse(at) >= Date.parse(each.querySelector("time")?.dateTime));
    if (!older && list.querySelector(".loading")) continue; // it comes when one scrolls there
    const camera = new URLSearchParams(location.search).get("camera");
    const card = `/episodes/${id}/card/?view=${list.dataset.view}&wall=yes${camera ? `&camera=${encodeURIComponent(camera)}` : ""}`;
    // Its neighbour may be fetched again meanwhile: what keeps the place is nobody else's. It asks for itself: of what one
    // element asks for, htmx keeps only the newest, and takes come together.
    const place = make("div", { hidden: true, "data-coming": id, "data-live": "", "hx-get": card, "hx-trigger": "moved", "hx-swap": "outerHTML" });
    list.insertBefore(place, older ?? null);
    window.htmx.process(place);
    bell(place);
  }
}

function heard(message) {
  if (message.type === "refresh") {
    ringAll();
    return;
  }
  if (message.kind === "rig") rigMoved(message);
  if (message.kind === "episode") arrived(message);
  if (message.kind === "operation") operationMoved(message);
  ringTopics(topicsOf(message));
  document.dispatchEvent(new CustomEvent("row-moved", { detail: message }));
}

export function listen() {
  watchAnswers(ringIfMissed, bell);
  const drawn = document.querySelector("meta[name=drawn]").content;
  const link = new Link(`/ws/events/?since=${drawn}`, {
    open() {
      link.path = "/ws/events/"; // from now on, all is fetched again after the connection was lost
      setLost("events", false);
      // Whatever moved meanwhile was not told.
      if (wasLost) {
        ringAll();
        document.dispatchEvent(new CustomEvent("reconnected"));
      }
      wasLost = false;
    },
    text: heard,
    closed(code) {
      wasLost = true;
      setLost("events", true, code);
    },
  });
  window.addEventListener("pagehide", () => link.end());
}
