// What the rig measures, and what it warns of: numbers that do not jump, words that name the camera.
import { make, say, show } from "../lib/dom.js";
import { minutes } from "../lib/format.js";

// What the robot does when the rig ends, before it can surprise anybody.
const ENDINGS = {
  release: "At the end the robot loses its torque: support it",
  hold: "At the end the robot keeps its torque",
  rest: "At the end the robot moves to its rest pose",
};
const LASTS_MS = 2000;
const READ_MS = 15_000;

export class Facts {
  constructor(desk) {
    this.places = Object.fromEntries([...desk.querySelectorAll("[data-fact]")].map((place) => [place.dataset.fact, place]));
    this.saving = desk.querySelector('[data-fact-row="saving"]');
    this.warnings = document.getElementById("warnings");
    this.said = "";
    this.seen = new Map();
  }

  show(status) {
    const { counters, disk, warnings = [] } = status;
    const message = status.state === "error" ? "" : status.message; // an error stands beside the button that clears it
    say(this.places.fps, counters ? counters.fps.toFixed(1) : "–");
    say(this.places.dropped, counters ? counters.dropped_ticks : "–");
    say(this.places.dropped.nextElementSibling, counters?.dropped_ticks === 1 ? "missed tick" : "missed ticks");
    say(this.places.jitter, counters ? `${counters.jitter_p99_ms.toFixed(1)} ms` : "–");
    say(this.places.disk, minutes(disk?.minutes_left));
    say(this.places.saving, status.saving ?? 0);
    say(this.places.ending, ENDINGS[status.on_end] ?? "");
    show(this.places.ending, status.on_end in ENDINGS);
    say(this.places.approach, `Once connected, the robot moves to its teleoperator slowly: ${status.approach_speed ?? 0} a second at most`);
    show(this.places.approach, status.approach_speed > 0);
    show(this.saving, Boolean(status.saving));
    this.places.dropped.parentElement.classList.toggle("is-bad", Boolean(counters?.dropped_ticks));
    this.places.disk.parentElement.classList.toggle("is-bad", typeof disk?.minutes_left === "number" && disk.minutes_left < 10);
    // A camera's problem is shown on its picture.
    const ours = warnings.filter((one) => !one.camera).map((one) => [one.code, one.text]);
    this.warn([...ours, ...(this.isNews(message, status.can_record && !warnings.length) ? [["message", message]] : [])]);
  }

  /** What the rig said last stays while something is wrong; once nothing is, for as long as it takes to read it. */
  isNews(message, isWell) {
    if (message !== this.message || !isWell) Object.assign(this, { message, wellSince: performance.now() });
    return Boolean(message) && performance.now() - this.wellSince < READ_MS;
  }

  /** Nothing is measured: the rig or the connection is lost. */
  clear() {
    const { message, wellSince } = this;
    this.seen.clear();
    this.show({});
    Object.assign(this, { message, wellSince }); // what the rig said last is not news once it is there again
  }

  /** A warning stays for two seconds after it was said last: what flickers cannot be read. */
  warn(said) {
    const now = performance.now();
    for (const [code, text] of said) this.seen.set(code, { text, at: now });
    for (const [code, { at }] of this.seen) if (now - at > LASTS_MS) this.seen.delete(code);
    const texts = [...this.seen.values()].map((one) => one.text);
    if (texts.join("\n") === this.said) return;
    this.said = texts.join("\n");
    while (this.warnings.children.length > texts.length) this.warnings.lastElementChild.remove();
    while (this.warnings.children.length < texts.length) this.warnings.append(make("p"));
    texts.forEach((text, i) => say(this.warnings.children[i], text));
  }
}
