// A serial port: chosen from those of the computer, found by unplugging its cable, or typed.
import { make, say, show } from "../lib/dom.js";

const LOOK_MS = 700;
const OTHER = "other";

const nameOf = (port) => [port.node.replace("/dev/", "") || port.path, port.name].filter(Boolean).join(" · ");
const noteOf = (port) => (port ? [port.holder && `In use by ${port.holder}.`, port.problem].filter(Boolean).join(" ") : "");
const isPort = (port, value) => port.path === value || port.node === value;

class PortField {
  constructor(field, value, set, page) {
    Object.assign(this, { field, value: value ?? "", set, page });
    this.select = make("select", { class: "input", "data-key": field.key, "aria-label": field.key });
    this.typed = make("input", { class: "input", placeholder: "/dev/ttyACM0", spellcheck: "false", "aria-label": `${field.key}, path` });
    this.find = make("button", { class: "button small", type: "button" }, "Find by unplugging");
    this.words = make("p", { class: "small port-words", role: "status" });
    this.select.addEventListener("change", () => this.chosen());
    this.typed.addEventListener("input", () => this.choose(this.typed.value.trim()));
    this.find.addEventListener("click", () => (this.looking ? this.stop("") : this.look()));
    this.box = make("div", { class: "field port-field" }, make("span", {}, field.key), make("div", { class: "port-line" }, this.select, this.find), this.typed, this.words, field.help ? make("small", {}, field.help) : null);
    this.draw();
    page.onDevices(this.box, () => this.draw());
  }

  draw() {
    if (this.looking) return;
    const known = this.page.devices.ports;
    const chosen = known.find((port) => isPort(port, this.value));
    const options = known.map((port) => make("option", { value: port.path }, nameOf(port) + (port.holder ? " (in use)" : "")));
    this.select.replaceChildren(make("option", { value: "" }, known.length ? "Choose a port …" : "No port found"), ...options, make("option", { value: OTHER }, "Another path …"));
    this.select.value = chosen ? chosen.path : this.value ? OTHER : "";
    this.typed.value = chosen ? "" : this.value;
    show(this.typed, this.select.value === OTHER);
    this.say(noteOf(chosen) || (this.value && !chosen && this.page.devices.known ? "It is not plugged in now." : ""), "warn");
  }

  say(words, tone = "") {
    say(this.words, words);
    this.words.className = `small port-words${tone ? ` tone-${tone} words-tone` : ""}`;
    show(this.words, Boolean(words));
  }

  chosen() {
    show(this.typed, this.select.value === OTHER);
    if (this.select.value === OTHER) this.typed.focus();
    else this.choose(this.select.value);
  }

  choose(path) {
    this.value = path;
    this.set(path || undefined);
    const port = this.page.devices.ports.find((each) => isPort(each, path));
    this.say(noteOf(port), "warn");
  }

  /** LeRobot's way: the port that goes when its cable is pulled is the one. */
  async look() {
    this.looking = true;
    say(this.find, "Cancel");
    this.say("Looking at the ports …");
    let before = await this.page.listDevices();
    this.say(before.ports.length ? "Unplug the cable of this device now." : "No port is there: plug the device in first.", "accent");
    while (this.looking && this.box.isConnected) {
      await new Promise((done) => setTimeout(done, LOOK_MS));
      const now = await this.page.listDevices();
      if (!this.looking) return;
      const gone = before.ports.filter((port) => !now.ports.some((each) => each.path === port.path));
      if (gone.length === 1) return this.replug(gone[0]);
      if (gone.length > 1) return this.stop("More than one port went: plug them in again, then unplug one cable.", "warn");
      before = now;
    }
  }

  async replug(port) {
    this.choose(port.path);
    this.say(`Found: ${nameOf(port)}. Plug it in again.`, "accent");
    while (this.looking && this.box.isConnected) {
      await new Promise((done) => setTimeout(done, LOOK_MS));
      const now = await this.page.listDevices();
      const back = now.ports.find((each) => each.path === port.path || (port.serial && each.serial === port.serial));
      if (!back) continue;
      if (back.path !== port.path) this.choose(back.path);
      this.stop(`It is ${nameOf(back)}.`, "good");
    }
  }

  stop(words, tone) {
    this.looking = false;
    say(this.find, "Find by unplugging");
    this.draw();
    if (words) this.say(words, tone);
  }
}

export const portField = (field, value, set, page) => new PortField(field, value, set, page).box;
