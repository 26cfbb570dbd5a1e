// Live pictures on the tiles of rigs: the first camera of each, small and slow, only while the page is in sight.
import { show } from "../lib/dom.js";
import { Picture } from "../lib/picture.js";
import { Link } from "../lib/socket.js";

const FPS = 2;
const MOST = 8; // of many rigs only the first ones
const thumbs = new Map(); // by element

class Thumb {
  constructor(element) {
    Object.assign(this, { element, picture: new Picture(element.querySelector("canvas")), none: element.querySelector(".none") });
    this.link = new Link(`/ws/live/${element.dataset.thumb}/`, {
      open: () => this.watch(),
      bytes: (buffer) => this.draw(buffer),
      closed: () => show(this.none, true),
    });
  }

  watch() {
    this.link?.send({ type: "watch", cameras: document.hidden ? {} : { [this.element.dataset.camera]: FPS } });
  }

  draw(buffer) {
    const camera = new DataView(buffer).getUint8(1);
    this.picture.draw(new Uint8Array(buffer, 16), () => show(this.none, false), () => this.link.send({ type: "drawn", cameras: [camera] }));
  }

  end() {
    this.link.end();
  }
}

/** Begin with tiles that have come, end those that are gone. */
function look() {
  for (const [element, thumb] of thumbs) {
    if (element.isConnected) continue;
    thumb.end();
    thumbs.delete(element);
  }
  for (const element of document.querySelectorAll("[data-thumb]")) {
    if (!thumbs.has(element) && thumbs.size < MOST) thumbs.set(element, new Thumb(element));
  }
}

look();
document.addEventListener("htmx:afterSettle", look);
document.addEventListener("visibilitychange", () => thumbs.forEach((thumb) => thumb.watch()));
window.addEventListener("pagehide", () => {
  thumbs.forEach((thumb) => thumb.end());
  thumbs.clear();
});
// The Back button may bring this page as it was left.
window.addEventListener("pageshow", ({ persisted }) => persisted && look());
