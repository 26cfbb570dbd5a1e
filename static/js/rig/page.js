// The page that adds or edits a rig: form and text side by side, both of one draft; check, save, start.
import { again } from "../lib/again.js";
import { call } from "../lib/api.js";
import { say, show, told } from "../lib/dom.js";
import { complain } from "../lib/toast.js";
import { Cameras } from "./cameras.js";
import { DeviceForm } from "./device.js";
import { Drivers } from "./drivers.js";
import { Draft } from "./draft.js";
import { Editor } from "./editor.js";
import { Head } from "./head.js";
import { Joints } from "./joints.js";
import { Processors } from "./processors.js";
import { Saving } from "./saving.js";
import { Teleoperators } from "./teleoperators.js";
import { keepTyping } from "./typing.js";
import { markWrong } from "./wrong.js";

const root = document.getElementById("rig-form");
const sections = document.getElementById("sections");
const start = told("rig-start");

/** What the sections of the form share: the draft, and what the station knows. */
class Page {
  constructor() {
    this.sections = sections;
    this.station = root.dataset.station;
    this.edited = root.dataset.edited;
    this.kinds = [];
    this.loading = true;
    this.devices = { ports: [], cameras: [], known: false, problem: "", devices_seq: -1 };
    this.asked = this.answered = 0; // lists of devices
    this.listeners = [];
    this.joints = new Joints(this, start.joints, start.read);
    this.python = "";
    this.isOpen = false;
    this.draft = new Draft(this.station, { shown: (draft, all) => this.shown(draft, all), failed: (error) => this.away(error) });
    this.editor = new Editor((text) => this.draft.type(text));
    this.robot = new DeviceForm("robot", this, ["robot"], document.querySelector("#robot [data-form]"));
    this.teleoperators = new Teleoperators(this);
    this.cameras = new Cameras(this);
    this.processors = new Processors(this);
    this.saving = new Saving(this);
    this.drivers = new Drivers(this);
    this.head = new Head(sections, { changed: (key, value) => this.way(["rig"], { key }).set(value), pythonNamed: (path) => this.askPython(path) });
  }

  /** How a field of the table at `path` is changed. */
  way(path, { key }) {
    const set = (value) => this.draft.set((tables) => {
      const table = path.reduce((place, name) => (place[name] ??= {}), tables);
      if (value === undefined) delete table[key];
      else table[key] = value;
    });
    return { set, setToml: (toml) => this.draft.set(() => {}, { path: [...path, key], toml }), page: this, path };
  }

  onDevices(element, act) {
    this.listeners.push([element, act]);
  }

  async listDevices() {
    const asked = ++this.asked;
    const found = await call("GET", `${this.draft.base}/devices`).then((devices) => ({ ...devices, known: true, problem: "" }), (error) => ({ problem: error.message }));
    if (asked < this.answered) return this.devices; // this answer is older than what is shown
    this.answered = asked;
    this.devices = { ...this.devices, ...found };
    if (!found.problem) show(document.getElementById("away"), false);
    this.listeners = this.listeners.filter(([element]) => element.isConnected);
    this.listeners.forEach(([, act]) => act());
    return this.devices;
  }

  async listKinds() {
    this.loading = true;
    const kinds = await this.drivers.list(this.python);
    if (kinds === null) return; // another Python has been named meanwhile
    this.kinds = kinds;
    this.loading = false;
    this.drawDevices();
  }

  drawDevices() {
    keepTyping(sections, () => [this.robot, this.teleoperators, this.cameras].forEach((part) => part.draw()));
  }

  shown(draft, all) {
    this.editor.draw(draft);
    sections.inert = !draft.isToml || !this.isOpen;
    sections.classList.toggle("is-paused", !draft.isToml);
    if (all && this.isOpen) this.draw();
    markWrong(sections, draft.dirty ? draft.errors : []);
    this.saving.changed();
  }

  draw() {
    const rig = this.draft.tables.rig ?? {};
    this.head.draw(rig);
    this.askPython(rig.python ?? "");
    keepTyping(sections, () => [this.robot, this.teleoperators, this.cameras, this.processors].forEach((part) => part.draw()));
  }

  get isNew() {
    return !this.edited && !start.read && !this.draft.tables.robot?.kind;
  }

  usePython(path) {
    this.way(["rig"], { key: "python" }).set(path);
    this.head.inputs.python.value = path;
    this.askPython(path);
  }

  showPython() {
    document.getElementById("advanced").open = true;
    this.head.inputs.python.focus();
  }

  askPython(python) {
    if (!this.isOpen || python === this.python) return;
    this.python = python;
    this.listKinds();
  }

  away(error) {
    this.isRefused = !["offline", "no_answer", "lost"].includes(error.code); // asking again would not help
    if (this.isRefused) complain(error);
    else show(document.getElementById("away"), true);
  }

  /** Read what there is to begin with; if the station is offline, again once it is back. */
  open() {
    this.opening ??= this.begin().finally(() => {
      this.opening = null;
    });
    return this.opening;
  }

  /** Whether the form is open, once it is known. */
  async isRead() {
    this.open();
    await this.reading; // not the lists of devices and drivers, which may take long
    return this.isOpen;
  }

  async begin() {
    this.reading = this.read();
    if (await this.reading) {
      this.python = this.draft.tables.rig?.python ?? "";
      this.joints.begin();
      this.isOpen = true;
      this.editor.open();
      this.shown(this.draft, true);
    }
    await Promise.all([this.listKinds(), this.listDevices().then(() => this.cameras.draw())]);
  }

  /** The text to begin with: a new one, or that of a rig of the station. */
  async read() {
    if (!start.read) return this.draft.load(start.text).then(() => this.draft.isRead);
    try {
      const { text, version } = await call("GET", `${this.draft.base}/rigs/${encodeURIComponent(start.read)}`);
      if (this.edited) this.saving.version = version;
      await this.draft.load(text);
      if (start.name) this.draft.set((tables) => Object.assign((tables.rig ??= {}), { name: start.name }));
      await this.draft.settle();
      this.draft.dirty = false; // nobody has typed anything yet
      return this.draft.isRead;
    } catch (error) {
      this.away(error);
      return false;
    }
  }

  /** A plug or an unplug moves the station; so does every word of its rigs. */
  async stationMoved() {
    try {
      const { online, devices_seq: seq } = await call("GET", this.draft.base);
      show(document.getElementById("away"), !online);
      if (!online) return;
      if (!this.isOpen) await (this.isRefused ? null : this.open());
      else if (!this.draft.isRead) await this.draft.load(this.draft.text);
      if (this.devices.known && seq === this.devices.devices_seq) return;
      await this.listDevices();
      this.cameras.draw();
    } catch {
      // The next move asks again.
    }
  }
}

const page = new Page();
const stationMoved = again(() => page.stationMoved());
document.addEventListener("row-moved", ({ detail: { kind, id } }) => {
  if (kind === "station" && id === page.station) stationMoved();
});
document.addEventListener("reconnected", stationMoved);
document.getElementById("computer")?.addEventListener("change", ({ target }) => location.assign(`?station=${encodeURIComponent(target.value)}`));
sections.addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("beforeunload", (event) => page.draft.dirty && event.preventDefault());
page.open();
