// The cameras: those that the computer has, each with a picture and a tick, and those that only the file names.
import { make, show } from "../lib/dom.js";
import { busWarnings } from "./bus.js";
import { ChosenCamera, sizesOf } from "./camera.js";
import { FoundByDrivers } from "./found.js";
import { Looking } from "./looking.js";
import { NetworkCameras, deviceOf, isNetwork } from "./network.js";
import { Rates } from "./rates.js";
import { Snapshot } from "./snapshot.js";
import { after, isSideways, turn, turnOf } from "./turn.js";
import { keepTyping } from "./typing.js";

const NAMES = ["front", "wrist", "top", "side", "back"];
const USUAL = { width: 640, height: 480, fps: 30 };

const isOf = (device, table) => table.kind === "pyav" && (table.url === device.url || table.url === `v4l2:${device.node}`);

export class Cameras {
  constructor(page) {
    this.page = page;
    this.section = document.getElementById("cameras");
    this.looking = new Looking();
    this.snapshots = new Map(); // by url: a picture stays while the list is drawn again
    this.turns = new Map(); // by url: how a camera that is not chosen is turned
    this.byDrivers = new FoundByDrivers(this);
    this.network = new NetworkCameras(this);
    this.rates = new Rates(this);
  }

  get tables() {
    return this.page.draft.tables.cameras ?? {};
  }

  draw() {
    keepTyping(this.section, () => this.drawAll());
  }

  drawAll() {
    const { cameras: plugged, known, problem } = this.page.devices;
    const devices = [...plugged, ...this.network.devices];
    const entries = Object.entries(this.tables).filter(([, table]) => typeof table === "object" && table !== null);
    const others = entries.filter(([, table]) => !devices.some((device) => isOf(device, table)));
    const found = devices.map((device) => this.found(device, entries.find(([, table]) => isOf(device, table))));
    this.warnings = make("div", { class: "stack-tight", role: "status" });
    const none = known && !plugged.length ? make("p", { class: "small faint" }, "No camera is plugged into this computer.") : null;
    const state = known ? none : make("p", { class: "loading" }, problem || "Looking for cameras …");
    const parts = [make("h2", {}, "Cameras ", make("span", { class: "count" }, entries.length ? String(entries.length) : "")), state, found.length ? make("div", { class: "found-cameras" }, ...found) : null, this.warnings, ...others.map(([name, table]) => this.other(name, table)), this.adding(), this.byDrivers.drawn(), this.network.box];
    this.section.replaceChildren(...parts.filter(Boolean));
    this.warn();
  }

  /** Say which bus cannot carry what is chosen. */
  warn() {
    const chosen = this.page.devices.cameras.flatMap((device) => Object.values(this.tables).filter((table) => isOf(device, table)).map((table) => [device, table]));
    this.warnings?.replaceChildren(...busWarnings(chosen).map((words) => make("p", { class: "note tone-warn small" }, words)));
  }

  found(device, entry) {
    const id = `use-${device.url}`;
    const tick = make("input", { type: "checkbox", id });
    tick.checked = Boolean(entry);
    tick.addEventListener("change", () => (tick.checked ? this.use(device) : this.drop(entry[0])));
    const title = make("label", { class: "check", for: id }, tick, make("b", { class: "clip" }, device.name || device.node));
    const where = make("span", { class: "small faint clip", title: device.isNetwork ? null : device.url }, [device.node, device.bus && `USB ${device.bus}`].filter(Boolean).join(" · "));
    const trouble = [device.holder && `In use by ${device.holder}.`, device.problem].filter(Boolean).join(" ");
    const words = make("p", { class: "small tone-warn words-tone" }, trouble);
    show(words, Boolean(trouble));
    const card = make("article", { class: entry ? "camera-card is-used" : "camera-card" }, this.snapshot(device, entry), make("div", { class: "stack-tight" }, title, where, words));
    if (entry) card.append(new ChosenCamera(this, ...entry, device).box, this.rates.line(entry[0], device));
    return card;
  }

  snapshot(device, entry) {
    const { url } = device;
    if (!this.snapshots.has(url)) this.snapshots.set(url, new Snapshot(this.page.draft.base, device, this.looking, { rotate: () => this.rotate(device), seen: () => this.rates.seen(url) }));
    const snapshot = this.snapshots.get(url);
    snapshot.rotate(entry ? turnOf(entry[1]) : this.turns.get(url) ?? 0);
    return snapshot.box;
  }

  /** Turn a camera by a quarter: in the rig file where it is chosen, else once it will be. */
  rotate(device) {
    const entry = Object.entries(this.tables).find(([, table]) => isOf(device, table));
    if (entry) this.turn(entry[0]);
    else {
      this.turns.set(device.url, after(this.turns.get(device.url) ?? 0));
      this.snapshot(device, null);
    }
  }

  turn(name) {
    this.page.draft.set((tables) => turn(tables.cameras[name]));
    this.draw();
  }

  other(name, table) {
    const remove = make("button", { class: "button small quiet", type: "button", "aria-label": `Remove camera ${name}` }, "Remove");
    remove.addEventListener("click", () => this.drop(name));
    const away = table.kind === "pyav" && String(table.url).startsWith("v4l2:") && this.page.devices.known;
    const words = make("span", { class: away ? "small tone-warn words-tone grow" : "small faint grow" }, away ? "not plugged in now" : table.kind ?? "no kind");
    const angle = turnOf(table);
    const rotate = make("button", { class: "button small quiet", type: "button", id: `rotate-${name}`, "aria-label": `Rotate camera ${name}, now ${angle} degrees` }, angle ? `Rotate · ${angle}°` : "Rotate");
    rotate.addEventListener("click", () => this.turn(name));
    const head = make("div", { class: "row row-apart" }, make("b", {}, name), words, table.kind === "browser" ? null : rotate, remove);
    const device = isNetwork(table) ? deviceOf(table.url, name) : null;
    const picture = device && make("div", { class: "other-picture" }, this.snapshot(device, [name, table]));
    return make("article", { class: "camera-card is-used is-other" }, head, picture || "", new ChosenCamera(this, name, table, null).box, device ? this.rates.line(name, device) : "");
  }

  adding() {
    const kinds = this.page.kinds.filter(({ role }) => role === "camera");
    if (!kinds.length) return null;
    const idOf = ({ kind, type }) => (type ? `${kind} ${type}` : kind);
    const select = make("select", { class: "input", id: "camera-kind", "aria-label": "Kind of another camera" }, ...kinds.map((each) => make("option", { value: idOf(each) }, each.label && each.label !== idOf(each) ? `${each.label} (${idOf(each)})` : idOf(each))));
    const button = make("button", { class: "button", type: "button", id: "add-camera" }, "Add another camera");
    button.addEventListener("click", () => {
      const kind = kinds.find((each) => idOf(each) === select.value);
      this.add({ kind: kind.kind, ...(kind.type ? { type: kind.type } : {}) });
    });
    return make("div", { class: "stack-tight" }, make("div", { class: "row add-camera" }, select, button), make("div", { class: "row" }, this.network.button, this.byDrivers.button));
  }

  freeName() {
    const numbered = Array.from({ length: 64 }, (_, at) => `camera${at + 1}`);
    return [...NAMES, ...numbered].find((name) => !(name in this.tables));
  }

  /** Add a camera; what its table does not say is USUAL. */
  add(table) {
    const name = this.freeName();
    this.page.draft.set((tables) => {
      tables.cameras = { ...(tables.cameras ?? {}), [name]: { ...table, ...USUAL, ...table } };
    });
    this.draw();
  }

  use(device) {
    const angle = this.turns.get(device.url) ?? 0;
    const rotate = angle ? { rotate: angle } : {};
    const sizes = sizesOf(device);
    const size = sizes.find(({ width, height }) => width === USUAL.width && height === USUAL.height) ?? sizes[0];
    const { width, height } = size ?? USUAL;
    const shape = isSideways(rotate) ? { width: height, height: width } : { width, height };
    this.add({ kind: "pyav", url: device.url, ...shape, fps: size?.fps ? Math.min(USUAL.fps, size.fps) : USUAL.fps, ...rotate });
  }

  drop(name) {
    this.page.draft.set((tables) => {
      delete tables.cameras[name];
    });
    this.draw();
  }

  rename(name, next) {
    this.page.draft.set((tables) => {
      tables.cameras = Object.fromEntries(Object.entries(tables.cameras).map(([key, table]) => [key === name ? next : key, table]));
    });
    this.draw();
  }
}
