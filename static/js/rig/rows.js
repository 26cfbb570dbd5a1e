// A small table that is filled in by rows: the first column is a name, and a row counts once that is one of its own.
import { make, say, show } from "../lib/dom.js";
import { numberOf } from "./values.js";

export class Rows {
  /**
   * `columns` are { key, label, isNumber, placeholder, list }; `items` have their values and what else belongs to a row.
   * `changed(items)` gets those that count, the others are in `kept`, an array that outlives the form; `wrong(item)`
   * says what is wrong with one, by column; `keyOf(item, column)` names a field for the station's errors.
   */
  constructor(called, columns, items, { kept, changed, adds = "Add a joint", wrong = () => ({}), keyOf = () => null }) {
    Object.assign(this, { called, columns, kept, changed, wrong, keyOf, items: [...items, ...kept] });
    this.list = make("div", { class: "rows", "data-columns": columns.length });
    this.adding = make("button", { class: "button small", type: "button" }, adds);
    this.adding.addEventListener("click", () => this.add([{}]));
    this.draw();
  }

  /** Rows behind the others; the keyboard goes to the first of them. */
  add(items) {
    const first = this.items.length;
    this.items.push(...items);
    this.draw();
    this.tell();
    this.list.querySelectorAll(".one-row")[first]?.querySelector(items[0]?.[this.columns[0].key] ? "input[inputmode]" : "input").focus();
  }

  remove(at) {
    this.items.splice(at, 1);
    this.draw();
    this.tell();
    const rows = this.list.querySelectorAll(".one-row");
    (rows[Math.min(at, rows.length - 1)]?.querySelector("button") ?? this.adding).focus();
  }

  draw() {
    const head = this.columns.map(({ label }) => make("span", {}, label));
    this.list.replaceChildren(...(this.items.length ? [make("div", { class: "rows-head", "aria-hidden": "true" }, ...head)] : []), ...this.items.map((item, at) => this.row(item, at)));
    this.judge();
  }

  row(item, at) {
    const boxes = this.columns.map((column) => this.box(item, at, column));
    const remove = make("button", { class: "button small quiet", type: "button", "aria-label": `Remove ${this.called} ${at + 1}` }, "Remove");
    remove.addEventListener("click", () => this.remove(at));
    const words = make("small", { class: "row-words tone-bad words-tone", role: "status" });
    const note = item.note ? make("small", { class: `row-words ${item.isOdd ? "tone-warn words-tone" : "faint"}` }, item.note) : null;
    return make("div", { class: "one-row field" }, ...boxes, remove, words, note);
  }

  box(item, at, { key, label, isNumber, placeholder, list }) {
    const box = make("input", { class: "input", spellcheck: "false", placeholder, list, inputmode: isNumber ? "decimal" : null, "aria-label": `${this.called} ${at + 1}, ${label}`, "data-key": this.keyOf(item, key), "data-column": key });
    box.value = item[key] ?? "";
    box.addEventListener("input", () => {
      item[key] = isNumber ? numberOf(box.value.trim()) : box.value.trim() || undefined;
      this.tell();
    });
    return make("label", { class: "row-cell" }, make("span", {}, label), box);
  }

  counts(item) {
    const [{ key }] = this.columns;
    return Boolean(item[key]) && this.items.find((each) => each[key] === item[key]) === item;
  }

  tell() {
    this.kept.splice(0, this.kept.length, ...this.items.filter((item) => !this.counts(item)));
    this.changed(this.items.filter((item) => this.counts(item)));
    this.judge();
  }

  /** What the page itself sees to be wrong; a row that nobody has begun is not. */
  judge() {
    const rows = this.list.querySelectorAll(".one-row");
    const [{ key: name }] = this.columns;
    this.items.forEach((item, at) => {
      const isBegun = this.columns.some(({ key }) => item[key] !== undefined && item[key] !== "");
      const unnamed = !isBegun || this.counts(item) ? {} : { [name]: item[name] ? "Another row has this name" : "Name the joint: this row is not in the file yet" };
      const wrong = { ...this.wrong(item), ...unnamed };
      for (const box of rows[at].querySelectorAll("[data-column]")) {
        const { column } = box.dataset;
        if (box.dataset.key) box.dataset.key = this.keyOf(item, column); // what the station finds wrong is marked there
        else {
          box.setCustomValidity(wrong[column] ?? ""); // nothing is saved before it is right
          box.setAttribute("aria-invalid", String(column in wrong));
        }
      }
      const words = rows[at].querySelector(".row-words");
      say(words, Object.values(wrong)[0] ?? "");
      show(words, words.textContent !== "");
    });
  }
}
