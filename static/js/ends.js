// How an operation that this page has begun ends. Its end may be heard before the answer that says which operation it is.
import { call } from "./lib/api.js";

const ENDED = ["done", "failed", "cancelled"];
const MOST = 100;
const over = new Map(); // by operation, how it ended and when that was heard
const waiting = new Map(); // by operation, all who want to know

function ended(id, state) {
  over.delete(id);
  over.set(id, { state, at: performance.now() });
  if (over.size > MOST) over.delete(over.keys().next().value);
  const callbacks = waiting.get(id) ?? [];
  waiting.delete(id);
  for (const then of callbacks) then(state);
}

/** Call `then(state)` once it has ended; it was asked for at `since`, and an end before that was of another try. */
export function whenOver(id, then, since = 0) {
  const end = over.get(id);
  if (end && end.at >= since) then(end.state);
  else waiting.set(id, [...(waiting.get(id) ?? []), then]);
}

document.addEventListener("row-moved", ({ detail: { kind, id, state } }) => {
  if (kind === "operation" && ENDED.includes(state)) ended(id, state);
});

// So much moved that each was not told, or the connection was lost: look.
document.addEventListener("refreshed", () => {
  for (const id of waiting.keys()) {
    call("GET", `/api/operations/${id}`).then(({ state }) => ENDED.includes(state) && waiting.has(id) && ended(id, state), () => {
      // Without an answer it is not told; the page Encoding shows it.
    });
  }
});
