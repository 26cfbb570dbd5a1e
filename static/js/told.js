// When a batch is done: a toast on whatever page is open, the title of a page that nobody looks at, and, for whoever
// asked for it, a notification of the browser.
import { whenOver } from "./ends.js";
import { call } from "./lib/api.js";
import { remember, remembered } from "./lib/dom.js";
import { showNotification } from "./lib/notification.js";
import { toast } from "./lib/toast.js";

const KEY = "tell-when-done";
const OPEN = "batches-at-work";
const MOST_OPEN = 30;
const ENDED = new Set(["done", "failed"]);
const WORKS = new Set(["queued", "encoding", "running"]);
let title = ""; // the page's own, while it shows what is done

export const canNotify = () => "Notification" in window && window.isSecureContext;
export const isWanted = () => canNotify() && Notification.permission === "granted" && remembered(KEY, "no") === "yes";
export const refuse = () => remember(KEY, "no");

/** Ask the browser once, and show how it will look: one that is allowed to may still be unable. Whether it can. */
export async function allow() {
  if (!canNotify()) return false;
  const answer = await Notification.requestPermission();
  if (answer !== "granted") {
    toast("The browser does not allow notifications here. Allow them in its settings for this page, then press again.", { bad: true });
    return false;
  }
  const can = await notify("You will be told here", { body: "When a batch is done or has failed.", tag: "batches" });
  if (can) remember(KEY, "yes");
  return can;
}

async function notify(words, options) {
  try {
    await showNotification(words, options);
    return true;
  } catch (error) {
    refuse();
    toast(`This browser cannot show notifications of a page (${error.message}). A message appears on every open page in any case. On a phone, install this as an app, then press again there.`, { bad: true });
    return false;
  }
}

/** The batches that this tab has seen at work, on this page or the one before: their ends are told, once. */
const atWork = () => JSON.parse(sessionStorage.getItem(OPEN) ?? "[]");

function seen(id) {
  const before = atWork();
  if (!before.includes(id)) sessionStorage.setItem(OPEN, JSON.stringify([...before, id].slice(-MOST_OPEN)));
}

function forget(id) {
  const before = atWork();
  if (before.includes(id)) sessionStorage.setItem(OPEN, JSON.stringify(before.filter((each) => each !== id)));
  return before.includes(id);
}

async function announce({ id, dataset, state, said }) {
  const failed = state === "failed";
  const links = [{ href: "/operations/", words: "Details" }];
  if (!failed) links.unshift({ href: `/datasets/${encodeURIComponent(dataset)}/?view=committed`, words: "Open dataset" });
  toast(said, { bad: failed, links });
  if (!document.hidden) return;
  title ||= document.title;
  document.title = failed ? said : `Done: ${said}`;
  if (isWanted()) await notify(failed ? "A batch failed" : "A batch is done", { body: said, tag: `batch-${id}` });
}

// Where there is no answer it is not told; the page Encoding shows it.
const fetched = (id) => call("GET", `/api/operations/${id}`).catch(() => null);

async function ended(id) {
  const batch = forget(id) && (await fetched(id));
  if (!batch) return;
  if (ENDED.has(batch.state)) await announce(batch);
  else if (WORKS.has(batch.state)) seen(id); // it is tried again already
}

/** Whoever began one is told of its end, also where that is heard before its beginning. */
function began({ detail }) {
  if (detail?.type !== "encode") return;
  seen(detail.id);
  whenOver(detail.id, (state) => (ENDED.has(state) ? ended(detail.id) : forget(detail.id)));
}

/** Too much moved at once to be told each: look after those that were at work. */
async function lookAgain() {
  for (const id of atWork()) {
    const batch = await fetched(id);
    if (batch && ENDED.has(batch.state) && forget(id)) await announce(batch);
  }
}

function moved({ detail: { kind, id, state, operation, operation_type: type } }) {
  if (kind === "job" && WORKS.has(state)) seen(operation);
  if (kind !== "operation" || type !== "encode") return;
  if (WORKS.has(state)) seen(id);
  else if (ENDED.has(state)) ended(id);
  else forget(id);
}

export function watchBatches() {
  document.addEventListener("row-moved", moved);
  document.addEventListener("done", began);
  document.addEventListener("refreshed", lookAgain);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden || !title) return;
    document.title = title;
    title = "";
  });
}
