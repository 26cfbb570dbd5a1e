// The rates that cameras really deliver, beside what they list: each is measured once its picture is live, and again
// when its size or rate is changed.
import { call } from "../lib/api.js";
import { make, say, show } from "../lib/dom.js";
import { formatFor } from "./bus.js";
import { ownSize } from "./turn.js";

/** As the check before the first take has it. */
const NEARLY = 0.95;
/** These pass by themselves: the next picture asks again. */
const PASSING = new Set(["busy", "too_many", "offline", "no_answer", "lost"]);

const short = (rate) => String(Math.round(rate * 10) / 10);
const isUsable = (number, least, most) => Number.isFinite(number) && number >= least && number <= most;

export class Rates {
  constructor(cameras) {
    Object.assign(this, { cameras, known: new Map(), lines: new Map(), underWay: "" });
  }

  /** What `measure-rate` is asked for a camera's table; null while it holds no size or rate. */
  asked(table) {
    const [width, height] = ownSize(table);
    const fps = Number(table.fps ?? this.cameras.page.draft.tables.rig?.fps ?? 30);
    const isWhole = [width, height].every((each) => Number.isInteger(each) && isUsable(each, 2, 16384));
    return isWhole && isUsable(fps, 1, 240) ? { url: table.url, width, height, fps, pixel_format: table.pixel_format ?? "" } : null;
  }

  /** The line below the camera called `name`. */
  line(name, device) {
    const { url } = device;
    const words = make("span", {});
    const again = make("button", { class: "button small quiet", type: "button", id: `measure-${url}`, "aria-label": `Measure the rate of camera ${name} again` }, "Measure again");
    const line = { name, device, words, again, box: make("div", { class: "row small measured", role: "status" }, words, again) };
    again.addEventListener("click", () => {
      this.known.delete(this.keyOf(line));
      this.tell(line);
    });
    this.lines.set(url, line);
    this.tell(line);
    return line.box;
  }

  keyOf({ name }) {
    const table = this.cameras.tables[name];
    return table ? JSON.stringify(this.asked(table)) : "null";
  }

  /** A picture of this camera came: it is live, so it can be measured, once nobody types any more. */
  seen(url) {
    const line = this.lines.get(url);
    if (!line?.box.isConnected || !this.cameras.tables[line.name]) return;
    const key = this.keyOf(line);
    const isSettled = line.last === key;
    line.last = key;
    this.tell(line);
    if (isSettled && key !== "null" && !this.known.has(key) && !this.underWay) this.measure(key);
  }

  async measure(key) {
    this.underWay = key;
    this.draw();
    try {
      this.known.set(key, await call("POST", `${this.cameras.page.draft.base}/measure-rate`, JSON.parse(key)));
    } catch (error) {
      if (!PASSING.has(error.code)) this.known.set(key, { problem: error.message });
    } finally {
      this.underWay = "";
    }
    this.draw();
  }

  draw() {
    for (const line of this.lines.values()) if (line.box.isConnected) this.tell(line);
  }

  tell(line) {
    const key = this.keyOf(line);
    const asked = JSON.parse(key);
    const rate = this.known.get(key);
    const listed = asked && formatFor(line.device, this.cameras.tables[line.name])?.fps;
    const { text, isBad } = describe(rate, asked, listed, { isUnderWay: this.underWay === key, isNetwork: line.device.isNetwork });
    say(line.words, text);
    line.box.className = isBad ? "row small measured tone-warn words-tone" : "row small faint measured";
    show(line.box, text !== "");
    show(line.again, Boolean(rate));
  }
}

function describe(rate, asked, listed, { isUnderWay, isNetwork }) {
  if (isUnderWay) return { text: "Measuring its rate …", isBad: false };
  if (!rate || !asked) return { text: "", isBad: false };
  if (rate.problem) return { text: rate.problem, isBad: true };
  const both = `${listed ? `${short(listed)} listed, ` : ""}${short(rate.fps)} measured`;
  if (rate.fps >= NEARLY * asked.fps) return { text: both, isBad: false };
  return { text: `${both}: below the ${short(asked.fps)} that this rig asks for. ${isNetwork ? "The camera’s own settings say how many it sends." : "More light, a smaller size or another USB bus may help."}`, isBad: true };
}
