// One picture of an earlier take over a live one: the newest request wins, and the one before stays until it is here.
import { make, show } from "../lib/dom.js";

export class GhostPicture {
  constructor() {
    this.image = make("img", { class: "ghost", alt: "", "aria-hidden": "true" });
    this.wanted = "";
    this.loading = false;
    show(this.image, false);
  }

  /** The picture at this address; an empty one shows none. */
  show(address) {
    this.wanted = address;
    if (!address) show(this.image, false);
    else if (!this.loading) this.load();
  }

  async load() {
    this.loading = true;
    while (this.wanted && this.wanted !== this.image.getAttribute("src")) {
      const address = this.wanted;
      const next = make("img", { src: address });
      try {
        await next.decode();
        this.image.src = address;
      } catch {
        // This camera has no such frame in that take.
        if (this.wanted === address) this.wanted = "";
      }
    }
    this.loading = false;
    show(this.image, Boolean(this.wanted));
  }
}
