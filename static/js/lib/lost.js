// The banner "Lost connection", or "Signed out": shown while any of the page's sockets has been away for longer than a
// moment. The server shuts a socket with a code of its own once its person may not be there any more.
import { show } from "./dom.js";

const MOMENT_MS = 2500; // a hiccup is not worth a word
const FORBIDDEN = 4403; // as in robotdata/websocket.py
const away = new Map(); // by socket, since when
let isShutOut = false;

function update() {
  const banner = document.getElementById("lost");
  const first = Math.min(...away.values());
  const wait = first + MOMENT_MS - performance.now();
  const isLost = wait <= 0 && document.visibilityState === "visible";
  show(banner, isLost);
  for (const words of banner.querySelectorAll("[data-shut-out]")) show(words, (words.dataset.shutOut === "yes") === isShutOut);
  document.body.toggleAttribute("data-lost", isLost); // what the header says of rigs may be so no longer
  if (away.size && wait > 0) setTimeout(update, wait + 10);
}

/** A socket says whether its connection is gone, and by which code it was closed. */
export function setLost(socket, isLost, code = 0) {
  if (!isLost) isShutOut = false;
  else if (code === FORBIDDEN) isShutOut = true;
  if (isLost === away.has(socket)) return;
  if (isLost) away.set(socket, performance.now());
  else away.delete(socket);
  update();
}

document.addEventListener("visibilitychange", update);
