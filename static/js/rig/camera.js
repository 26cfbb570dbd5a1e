// One camera of the rig: its name, its size and its rate, and the keys of its driver below a fold.
import { make } from "../lib/dom.js";
import { fieldOf, fieldsOf, unknownFields } from "./fields.js";
import { isSideways } from "./turn.js";

const NAME = /^[A-Za-z0-9_-]{1,48}$/;
const SHAPE = ["width", "height", "fps"];
const OWN = new Set(["kind", "type", "rotate", ...SHAPE]);

/** The sizes of a camera, largest last, each with its highest rate; with `sideways` once its pictures are turned. */
export function sizesOf(device, sideways = false) {
  const sizes = new Map();
  for (const { width: across, height: down, fps } of device?.formats ?? []) {
    const [width, height] = sideways ? [down, across] : [across, down];
    const key = `${width}×${height}`;
    const known = sizes.get(key);
    if (!known || known.fps < fps) sizes.set(key, { key, width, height, fps });
  }
  return [...sizes.values()].sort((one, other) => one.width * one.height - other.width * other.height);
}

export class ChosenCamera {
  constructor(cameras, name, table, device) {
    Object.assign(this, { cameras, page: cameras.page, name, table, device });
    const sizes = sizesOf(device, isSideways(table));
    const shape = sizes.length ? [this.size(sizes), this.rate(sizes)] : SHAPE.map((key) => this.number(key));
    const fields = make("div", { class: "fields camera-fields" }, this.named(), ...shape);
    this.box = make("div", { class: "stack chosen-camera", "data-at": `cameras.${name}` }, fields, ...this.keys());
  }

  way(field) {
    const way = this.page.way(["cameras", this.name], field);
    return { ...way, set: (value) => {
      way.set(value);
      this.cameras.warn();
    } };
  }

  named() {
    const box = make("input", { class: "input", maxlength: "48", spellcheck: "false", id: `name-${this.device?.url ?? this.name}` });
    box.value = this.name;
    box.addEventListener("change", () => {
      const next = box.value.trim();
      const taken = next !== this.name && next in this.cameras.tables;
      box.setCustomValidity(!NAME.test(next) ? "1 to 48 letters, digits, _ or -" : taken ? "Another camera has this name" : "");
      box.setAttribute("aria-invalid", String(!box.checkValidity()));
      if (box.reportValidity() && next !== this.name) this.cameras.rename(this.name, next);
    });
    return make("label", { class: "field" }, make("span", {}, "Name"), box);
  }

  size(sizes) {
    const now = `${this.table.width ?? 640}×${this.table.height ?? 480}`;
    const keys = sizes.map(({ key }) => key);
    const options = (keys.includes(now) ? keys : [now, ...keys]).map((key) => make("option", { value: key }, keys.includes(key) ? key : `${key} (not offered)`));
    const select = make("select", { class: "input", "data-key": "width", id: `size-${this.device.url}` }, ...options);
    select.value = now;
    select.addEventListener("change", () => {
      const size = sizes.find(({ key }) => key === select.value);
      if (!size) return;
      this.page.draft.set((tables) => {
        const { name } = this;
        Object.assign(tables.cameras[name], { width: size.width, height: size.height });
        if (size.fps && (tables.cameras[name].fps ?? 0) > size.fps) tables.cameras[name].fps = size.fps;
      });
      this.cameras.draw();
    });
    return make("label", { class: "field" }, make("span", {}, "Size"), select);
  }

  rate(sizes) {
    const size = sizes.find(({ width, height }) => width === this.table.width && height === this.table.height);
    const field = { key: "fps", kind: "number", default: null, help: size?.fps ? `Up to ${Math.round(size.fps * 100) / 100}` : "" };
    return fieldOf(field, this.table.fps, this.way(field));
  }

  number(key) {
    const field = { key, kind: "number", default: { width: 640, height: 480, fps: this.page.draft.tables.rig?.fps ?? 30 }[key], help: "" };
    return fieldOf(field, this.table[key], this.way(field));
  }

  keys() {
    const { kind, type = "" } = this.table;
    const known = this.page.kinds.find((each) => each.role === "camera" && each.kind === kind && (each.type || "") === type);
    const fields = (known?.fields ?? []).filter(({ key }) => !OWN.has(key) && !(this.device && key === "url"));
    const unknown = unknownFields(this.table, known?.fields ?? []).filter(({ key }) => !OWN.has(key) && !(this.device && key === "url"));
    return fieldsOf([...fields, ...unknown], this.table, (field) => this.way(field));
  }
}
