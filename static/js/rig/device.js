// The robot or one teleoperator: a list of kinds that can be searched, and the keys of the one that is chosen.
import { make, say, show } from "../lib/dom.js";
import { COMMON, fieldsOf, unknownFields } from "./fields.js";
import { keepTyping } from "./typing.js";

const idOf = ({ kind, type }) => (type ? `${kind} ${type}` : kind);
/** Whether a teleoperator is made for this robot: SO-101's leader for its follower, the autopilot for the simulator. */
const isFor = (robot, { kind, type }) => (robot.kind === "lerobot" ? kind === "lerobot" && type.split("_")[0] === String(robot.type).split("_")[0] : kind === { sim: "autopilot" }[robot.kind] || kind === robot.kind);

/** They decide whether the rest pose is wanted, which then stands beside them. */
const MOVES = new Set(["on_end", "reset"]);

export class DeviceForm {
  /** The form of the table at `path`, drawn into `box`. */
  constructor(role, page, path, box) {
    Object.assign(this, { role, page, path, box, searching: false });
  }

  get table() {
    return this.path.reduce((place, key) => place?.[key], this.page.draft.tables) ?? {};
  }

  draw() {
    const kinds = this.page.kinds.filter((each) => each.role === this.role);
    const { table } = this;
    const chosen = kinds.find((each) => each.kind === table.kind && (each.type || "") === (table.type ?? ""));
    this.box.replaceChildren(...(this.searching || !table.kind ? this.search(kinds, table) : this.chosen(chosen, table)));
  }

  search(kinds, table) {
    if (!kinds.length) return [make("p", { class: "loading" }, this.page.loading ? "Looking for drivers …" : "The station lists no drivers.")];
    const box = make("input", { class: "input", type: "search", placeholder: "Search: so101, koch, sim …", "aria-label": `Search ${this.role}s${this.path.length > 1 ? ` for ${this.path.at(-1)}` : ""}` });
    const list = make("div", { class: "kinds", role: "radiogroup", "aria-label": `Kinds of ${this.role}s` });
    const none = make("p", { class: "small faint" }, "Nothing matches. A driver that is installed elsewhere: name its Python below.");
    const { robot } = this.page.draft.tables;
    const order = this.role === "teleoperator" && robot ? [...kinds.filter((each) => isFor(robot, each)), ...kinds.filter((each) => !isFor(robot, each))] : kinds;
    const lines = order.map((each) => ({ each, line: this.kindLine(each, table) }));
    list.append(...lines.map(({ line }) => line));
    const filter = () => {
      const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
      let some = false;
      for (const { each, line } of lines) {
        const text = `${each.kind} ${each.type} ${each.label} ${each.help}`.toLowerCase();
        const fits = words.every((word) => text.includes(word) || text.replace(/[-_ ]/g, "").includes(word.replace(/[-_ ]/g, "")));
        show(line, fits);
        some = some || fits;
      }
      show(none, !some);
    };
    box.addEventListener("input", filter);
    filter();
    const back = table.kind ? make("button", { class: "button small quiet", type: "button" }, "Keep the present one") : null;
    back?.addEventListener("click", () => {
      this.searching = false;
      this.draw();
    });
    return [box, list, none, back].filter(Boolean);
  }

  kindLine(each, table) {
    const radio = make("input", { type: "radio", name: `kind-${this.path.join(".")}`, value: idOf(each) });
    radio.checked = each.kind === table.kind && (each.type || "") === (table.type ?? "");
    radio.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      this.choose(each);
    });
    const help = each.help ? make("span", { class: "small faint clip" }, each.help) : null;
    const line = make("label", { class: "kind", "data-kind": idOf(each) }, radio, make("span", { class: "grow" }, make("b", {}, each.label || idOf(each)), " ", make("code", { class: "faint" }, idOf(each)), help));
    // The arrow keys click a radio button too: with them one looks around, and Enter chooses.
    line.addEventListener("click", (event) => {
      if (event.detail > 0 && line.isConnected) this.choose(each);
    });
    return line;
  }

  choose(kind) {
    this.searching = false;
    this.page.draft.set((tables) => {
      const [last] = this.path.slice(-1);
      const place = this.path.slice(0, -1).reduce((each, key) => (each[key] ??= {}), tables);
      const before = place[last] ?? {};
      const kept = Object.fromEntries(kind.fields.map(({ key }) => [key, before[key]]).filter(([, value]) => value !== undefined));
      // LeRobot keeps a calibration by its id, so no arm does without one.
      if (kind.kind === "lerobot" && kind.fields.some(({ key }) => key === "id")) kept.id ??= `${tables.rig?.name || "my"}_${last}`;
      place[last] = { kind: kind.kind, ...(kind.type ? { type: kind.type } : {}), ...kept };
    });
    this.draw();
    this.page.teleoperators.draw(); // those made for the robot come first, and one more may be added beside a chosen one
    this.box.querySelector(".chosen .button")?.focus();
  }

  chosen(kind, table) {
    const change = make("button", { class: "button small", type: "button" }, "Change");
    change.addEventListener("click", () => {
      this.searching = true;
      this.draw();
      this.box.querySelector("input[type=search]")?.focus();
    });
    const name = make("b", {}, kind?.label || idOf(table));
    const head = make("div", { class: "chosen row row-apart" }, make("span", { class: "grow" }, name, " ", make("code", { class: "faint" }, idOf(table))), change);
    const parts = [head];
    if (kind?.help) parts.push(make("p", { class: "small dim" }, kind.help));
    if (!kind && !this.page.loading && this.page.kinds.length) parts.push(this.missing(table));
    const fields = [...(kind?.fields ?? []), ...unknownFields(table, kind?.fields ?? [])].filter(({ key }) => !COMMON.has(key));
    const wantsRest = [...MOVES].some((key) => table[key] === "rest");
    const wanted = fields.map((field) => (field.kind === "pose" && wantsRest ? { ...field, isWanted: true } : field));
    return [...parts, ...fieldsOf(wanted, table, (field) => this.way(field))];
  }

  way(field) {
    const way = this.page.way(this.path, field);
    if (this.role !== "robot" || !MOVES.has(field.key)) return way;
    return { ...way, set: (value) => {
      way.set(value);
      keepTyping(this.box, () => this.draw());
    } };
  }

  missing(table) {
    const words = make("p", { class: "note tone-warn" });
    say(words, `${idOf(table)} is not among the drivers that this Python offers. Install it there, or name the Python that has it below.`);
    return words;
  }
}
