// Motion that explains, within 150 ms, and none where the system asks for less: a rejected card goes to the trash, the
// bar of a batch fills. The style sheets move things; here they learn from where to where.
import { flightToTrash, still } from "./lib/flight.js";

const bars = new Map(); // by operation, how full its bar was

let leaving = null; // the card whose Reject was pressed last, and how its picture flies: it may be gone when the answer comes

function pressed({ target }) {
  const card = target.closest?.("button.reject[data-call]")?.closest(".take");
  const picture = card?.querySelector(".strip");
  if (picture) leaving = { id: card.id, fly: flightToTrash(picture) };
}

/** A picture of the card flies to the word Trash, once it is rejected. */
function rejected({ detail }) {
  if (detail?.verdict !== "reject" || detail.state === "encoded" || leaving?.id !== `take-${detail.id}`) return;
  leaving.fly();
  leaving = null;
}

function remember({ detail }) {
  const bar = detail.target?.matches?.(".operation[id]") && detail.target.querySelector(".progress");
  if (bar) bars.set(detail.target.id, bar.value);
}

/** What came in the place of a bar begins where that one stood; its style sheet lets it fill. */
function fill({ detail }) {
  const bar = bars.has(detail.elt?.id) && detail.elt.querySelector(".progress");
  const before = bars.get(detail.elt?.id);
  bars.delete(detail.elt?.id);
  if (!bar || still.matches || before >= bar.value) return;
  const { value } = bar;
  bar.value = before;
  bar.getBoundingClientRect();
  bar.value = value;
}

export function watchMotion() {
  document.addEventListener("click", pressed, true);
  document.addEventListener("done", rejected);
  document.addEventListener("htmx:beforeSwap", remember);
  document.addEventListener("htmx:load", fill);
}
