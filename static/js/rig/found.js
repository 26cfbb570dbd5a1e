// Cameras that only a driver sees, such as a RealSense: looked for when somebody asks, because drivers take seconds, and
// shown with their pictures as the others are.
import { call } from "../lib/api.js";
import { make, say, show } from "../lib/dom.js";
import { Snapshot } from "./snapshot.js";

export class FoundByDrivers {
  constructor(cameras) {
    Object.assign(this, { cameras, page: cameras.page, found: [], snapshots: new Map() });
    this.button = make("button", { class: "button", type: "button", id: "find-cameras" }, "Find RealSense and others");
    this.button.addEventListener("click", () => this.look());
    this.words = make("p", { class: "small faint", role: "status", id: "found-words" });
    this.list = make("div", { class: "found-cameras" });
    this.box = make("div", { class: "stack-tight", id: "found-by-drivers" }, this.words, this.list);
    show(this.box, false);
  }

  async look() {
    const python = this.page.python;
    show(this.box, true);
    this.button.disabled = true;
    say(this.words, "The drivers look for cameras, which may take some seconds …");
    try {
      const { cameras, failed } = await call("POST", `${this.page.draft.base}/find-cameras`, { python });
      this.found = cameras.map((camera) => ({ ...camera, python }));
      const why = Object.entries(failed).map(([driver, problem]) => `${driver}: ${problem}`);
      say(this.words, [cameras.length ? "" : "The drivers of this Python find no other camera.", ...why].filter(Boolean).join(" "));
    } catch (error) {
      say(this.words, error.message);
    } finally {
      this.button.disabled = false;
    }
    this.cameras.draw();
    (this.list.querySelector("button:enabled") ?? this.button).focus();
  }

  /** The list, beside what the rig uses by now. */
  drawn() {
    this.list.replaceChildren(...this.found.map((camera) => this.line(camera)));
    return this.box;
  }

  /** A camera with its picture, in colour; it stays while the list is drawn again. */
  picture({ name, about, table, python }) {
    const url = JSON.stringify([python, table]);
    const device = { url, node: about, name: `${name} ${about}`, ask: { path: "preview-driver", body: { python, table } } };
    if (!this.snapshots.has(url)) this.snapshots.set(url, new Snapshot(this.page.draft.base, device, this.cameras.looking, { rotate: null, seen: () => {} }));
    return this.snapshots.get(url).box;
  }

  line(camera) {
    const { name, about, table, depth } = camera;
    const streams = depth ? [["Use colour", { ...table }], ["Use depth", { ...table, depth: true }]] : [["Use", { ...table }]];
    const buttons = streams.map(([words, stream]) => this.use(words, stream, `${words} of ${name} ${about}`));
    const title = make("div", { class: "stack-tight" }, make("b", { class: "clip" }, name), make("span", { class: "small faint clip" }, about));
    return make("article", { class: "camera-card found-camera" }, this.picture(camera), title, make("div", { class: "row" }, ...buttons));
  }

  use(words, stream, label) {
    const button = make("button", { class: "button small", type: "button", "aria-label": label }, words);
    button.disabled = Object.values(this.cameras.tables).some((table) => isStream(table, stream));
    button.addEventListener("click", () => this.cameras.add(stream));
    return button;
  }
}

/** Whether a camera's table reads this stream. */
function isStream(table, stream) {
  return Object.entries({ depth: false, ...stream }).every(([key, value]) => (table?.[key] ?? false) === value);
}
