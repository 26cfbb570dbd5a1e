// Beeps for people who look at the robot. Browsers allow sound after the first press on the page.
import { remember, remembered } from "../lib/dom.js";

const TONES = {
  tick: [[660, 0.08, 0]],
  start: [[1000, 0.35, 0]],
  stop: [[780, 0.12, 0], [520, 0.2, 0.14]],
  reached: [[660, 0.12, 0], [880, 0.12, 0.13], [1320, 0.34, 0.26]],
  error: [[220, 0.3, 0], [180, 0.4, 0.34]],
};

export class Sound {
  constructor(button) {
    this.button = button;
    this.on = remembered("sound", "on") === "on";
    this.context = null;
    button.addEventListener("click", () => this.toggle());
    document.addEventListener("pointerdown", () => this.unlock(), { once: true });
    document.addEventListener("keydown", () => this.unlock(), { once: true });
    this.show();
  }

  unlock() {
    try {
      this.context ??= new AudioContext();
      this.context.resume();
    } catch {
      this.context = null; // no sound card: the page works without
    }
  }

  toggle() {
    this.on = !this.on;
    remember("sound", this.on ? "on" : "off");
    this.show();
    if (this.on) this.play("tick");
  }

  show() {
    this.button.setAttribute("aria-pressed", String(!this.on));
    this.button.title = this.on ? "Sound is on (M)" : "Sound is off (M)";
    this.button.setAttribute("aria-label", this.button.title);
    const use = this.button.querySelector("use");
    use.setAttribute("href", use.getAttribute("href").replace(/#.*/, this.on ? "#sound" : "#mute"));
  }

  play(name) {
    if (!this.on || this.context?.state !== "running") return;
    for (const [hertz, length_s, after_s] of TONES[name]) this.tone(hertz, length_s, this.context.currentTime + after_s);
  }

  tone(hertz, length_s, at) {
    const [source, volume] = [this.context.createOscillator(), this.context.createGain()];
    source.frequency.value = hertz;
    volume.gain.setValueAtTime(0, at);
    volume.gain.linearRampToValueAtTime(0.18, at + 0.01);
    volume.gain.setValueAtTime(0.18, at + length_s - 0.03);
    volume.gain.linearRampToValueAtTime(0, at + length_s);
    source.connect(volume).connect(this.context.destination);
    source.start(at);
    source.stop(at + length_s);
  }
}
