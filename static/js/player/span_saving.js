// The subtasks of an episode in its dataset become a revision; it is waited for, and one press undoes it.
import { call } from "../lib/api.js";
import { complain, toast, undoOperation } from "../lib/toast.js";

const EVERY_MS = 700;

/** Whether it was written; throws a Refusal if it was not even begun. `undone` is called when it was undone. */
export async function saveRevision(episode, body, undone) {
  const { operation } = await call("PUT", `/api/episodes/${episode}/language`, body);
  if (!operation) return true;
  const state = await ended(operation);
  if (state !== "done") {
    toast("Subtasks were not saved: see Encoding.", { bad: true, links: [{ href: "/operations/", words: "Encoding" }] });
    return false;
  }
  toast("Subtasks saved as a revision.", { undo: () => undo(operation, undone) });
  return true;
}

async function undo(operation, undone) {
  const id = await undoOperation(operation);
  if (!id) return;
  const state = await ended(id).catch(complain);
  if (!state) return;
  toast(state === "done" ? "Undone." : "It could not be undone: see Encoding.", { bad: state !== "done" });
  undone();
}

async function ended(id) {
  for (;;) {
    const { state } = await call("GET", `/api/operations/${id}`);
    if (["done", "failed", "cancelled"].includes(state)) return state;
    await new Promise((wake) => setTimeout(wake, EVERY_MS));
  }
}
