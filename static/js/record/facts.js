// What the rig measures, and what it warns of: numbers that do not jump, words that name the camera.
import { make, say, show } from "../lib/dom.js";
import { minutes } from "../lib/format.js";

export class Facts {
  constructor(desk) {
    this.places = Object.fromEntries([...desk.querySelectorAll("[data-fact]")].map((place) => [place.dataset.fact, place]));
    this.saving = desk.querySelector('[data-fact-row="saving"]');
    this.warnings = document.getElementById("warnings");
    this.said = "";
  }

  show(status) {
    const { counters, disk, warnings = [], message } = status;
    say(this.places.fps, counters ? counters.fps.toFixed(1) : "–");
    say(this.places.dropped, counters ? counters.dropped_ticks : "–");
    say(this.places.jitter, counters ? `${counters.jitter_p99_ms.toFixed(1)} ms` : "–");
    say(this.places.disk, minutes(disk?.minutes_left));
    say(this.places.saving, status.saving ?? 0);
    show(this.saving, Boolean(status.saving));
    this.places.dropped.parentElement.classList.toggle("is-bad", Boolean(counters?.dropped_ticks));
    this.places.disk.parentElement.classList.toggle("is-bad", typeof disk?.minutes_left === "number" && disk.minutes_left < 10);
    const texts = [...new Set([...warnings.map((warning) => warning.text), ...(message ? [message] : [])])];
    if (texts.join("\n") === this.said) return;
    this.said = texts.join("\n");
    this.warnings.replaceChildren(...texts.map((text) => make("li", {}, text)));
  }
}
