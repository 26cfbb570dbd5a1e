// Cameras that only a driver sees, such as a RealSense: looked for when somebody asks, because drivers take seconds.
import { call } from "../lib/api.js";
import { make, say, show } from "../lib/dom.js";

export class FoundByDrivers {
  constructor(cameras) {
    Object.assign(this, { cameras, page: cameras.page, found: [] });
    this.button = make("button", { class: "button", type: "button", id: "find-cameras" }, "Find RealSense and others");
    this.button.addEventListener("click", () => this.look());
    this.words = make("p", { class: "small faint", role: "status", id: "found-words" });
    this.list = make("div", { class: "stack-tight" });
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
      this.found = cameras;
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

  line({ name, about, table, depth }) {
    const streams = depth ? [["Use colour", { ...table }], ["Use depth", { ...table, depth: true }]] : [["Use", { ...table }]];
    const buttons = streams.map(([words, stream]) => this.use(words, stream, `${words} of ${name} ${about}`));
    return make("div", { class: "row row-apart found-camera" }, make("b", {}, name), make("span", { class: "small faint grow" }, about), ...buttons);
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
