// Words that left the server before one's own change, and come after it, take nothing back: they are fetched again.
import { ring } from "../live.js";
import { lacks } from "../versions.js";

const asked = new WeakMap(); // by request, when

/** Whether words of `episode` asked for at `since` lack what was said here. */
export const isLate = (wire, episode, since) => wire.holds(episode) || lacks(episode, since);

export function refuseLate(wire) {
  document.addEventListener("htmx:beforeRequest", ({ detail }) => asked.set(detail.xhr, performance.now()));
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { elt, xhr } = event.detail;
    if (elt.id !== "details" || !isLate(wire, elt.dataset.episode, asked.get(xhr))) return;
    event.preventDefault();
    wire.idle().then(() => ring(document.getElementById("details")));
  });
}
