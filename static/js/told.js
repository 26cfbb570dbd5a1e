// When a batch is done: a toast on whatever page is open, the title of a page that nobody looks at, and, for whoever
// asked for it, a notification of the browser.
import { call } from "./lib/api.js";
import { remember, remembered } from "./lib/dom.js";
import { toast } from "./lib/toast.js";

const KEY = "tell-when-done";
const TOLD = "batches-told";
const MOST_TOLD = 30;
const ENDED = new Set(["done", "failed"]);
const open = new Set(); // batches that this page has seen at work
let title = ""; // the page's own, while it shows what is done

export const canNotify = () => "Notification" in window && window.isSecureContext;
export const isWanted = () => canNotify() && Notification.permission === "granted" && remembered(KEY, "no") === "yes";
export const refuse = () => remember(KEY, "no");

/** Ask the browser once; whether it may. */
export async function allow() {
  if (!canNotify()) return false;
  const answer = await Notification.requestPermission();
  if (answer === "granted") remember(KEY, "yes");
  else toast("The browser does not allow notifications here. Allow them in its settings for this page, then press again.", { bad: true });
  return answer === "granted";
}

/** Whether this tab says it for the first time: pages are left and opened while a batch ends. */
function isNew(id) {
  const before = JSON.parse(sessionStorage.getItem(TOLD) ?? "[]");
  if (before.includes(id)) return false;
  sessionStorage.setItem(TOLD, JSON.stringify([...before, id].slice(-MOST_TOLD)));
  return true;
}

function announce({ id, dataset, state, said }) {
  const failed = state === "failed";
  const links = [{ href: "/operations/", words: "Details" }];
  if (!failed) links.unshift({ href: `/datasets/${encodeURIComponent(dataset)}/?view=committed`, words: "Open dataset" });
  toast(said, { bad: failed, links });
  if (!document.hidden) return;
  title ||= document.title;
  document.title = failed ? said : `Done: ${said}`;
  if (isWanted()) new Notification(failed ? "A batch failed" : "A batch is done", { body: said, tag: `batch-${id}` });
}

async function ended(id) {
  open.delete(id);
  if (!isNew(id)) return;
  try {
    announce(await call("GET", `/api/operations/${id}`));
  } catch {
    // It is only told; the page Encoding shows it.
  }
}

/** Too much moved at once to be told each: look after those that were at work. */
async function lookAgain() {
  for (const id of [...open]) {
    const { state } = await call("GET", `/api/operations/${id}`).catch(() => ({}));
    if (ENDED.has(state)) ended(id);
  }
}

function moved({ detail: { kind, id, state, operation, operation_type: type } }) {
  if (kind === "job") open.add(operation);
  else if (kind === "operation" && type === "encode" && ENDED.has(state)) ended(id);
  else if (kind === "operation" && type === "encode") open.add(id);
}

export function watchBatches() {
  document.addEventListener("row-moved", moved);
  document.addEventListener("refreshed", lookAgain);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden || !title) return;
    document.title = title;
    title = "";
  });
}
