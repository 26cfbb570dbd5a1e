// The banner "Lost connection": shown while any of the page's sockets has been away for longer than a moment.
import { show } from "./dom.js";

const MOMENT_MS = 2500; // a hiccup is not worth a word
const away = new Map(); // by socket, since when

function update() {
  const banner = document.getElementById("lost");
  const first = Math.min(...away.values());
  const wait = first + MOMENT_MS - performance.now();
  const isLost = wait <= 0 && document.visibilityState === "visible";
  show(banner, isLost);
  document.body.toggleAttribute("data-lost", isLost); // what the header says of rigs may be so no longer
  if (away.size && wait > 0) setTimeout(update, wait + 10);
}

/** A socket says whether its connection is gone. */
export function setLost(socket, isLost) {
  if (isLost === away.has(socket)) return;
  if (isLost) away.set(socket, performance.now());
  else away.delete(socket);
  update();
}

document.addEventListener("visibilitychange", update);
