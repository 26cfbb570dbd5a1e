// What is selected on the wall: by checkbox, Shift and click, X, Ctrl+A; it outlives every fetching again.
import { call } from "../lib/api.js";
import { say, show } from "../lib/dom.js";
import { complain } from "../lib/toast.js";

const boxes = () => [...document.querySelectorAll("#cards [data-pick]")];
const bar = () => document.getElementById("wall-bar");

export class Selection {
  constructor() {
    this.picked = new Map(); // id: whether it can be changed
    this.last = null;
    document.addEventListener("click", (event) => {
      if (event.target.matches("[data-pick]")) this.clicked(event);
      else if (event.target.closest("[data-picked-more]")) this.all();
      else if (event.target.id === "pick-all") this.loaded(event.target.checked);
    });
    document.addEventListener("keydown", (event) => this.selectAll(event));
    document.addEventListener("htmx:afterSettle", ({ detail }) => {
      if (detail.target?.id === "wall-list") this.clear();
      else this.show();
    });
    // Back and forward may bring boxes that the browser has filled in.
    window.addEventListener("pageshow", () => this.show());
  }

  get ids() {
    return [...this.picked.keys()];
  }

  get editable() {
    return this.ids.filter((id) => this.picked.get(id));
  }

  clicked({ target, shiftKey }) {
    const all = boxes();
    const [at, from] = [all.indexOf(target), all.findIndex((box) => box.dataset.pick === this.last)];
    const many = shiftKey && from >= 0 ? all.slice(Math.min(at, from), Math.max(at, from) + 1) : [target];
    for (const box of many) this.set(box, target.checked);
    this.last = target.dataset.pick;
    this.show();
  }

  set(box, on) {
    if (on) this.picked.set(box.dataset.pick, "editable" in box.dataset);
    else this.picked.delete(box.dataset.pick);
  }

  toggle(card) {
    card?.querySelector("[data-pick]")?.click();
  }

  loaded(on) {
    for (const box of boxes()) this.set(box, on);
    if (!on) this.picked.clear();
    this.show();
  }

  selectAll(event) {
    if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "a" || event.shiftKey || event.altKey) return;
    if (event.target.closest("input:not([type=checkbox]), textarea, select") || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    this.loaded(true);
  }

  /** All that the filter finds, also what has not been scrolled to. */
  async all() {
    try {
      const { editable, others } = await this.found();
      this.picked = new Map([...editable.map((id) => [id, true]), ...others.map((id) => [id, false])]);
      this.show();
    } catch (error) {
      complain(error);
    }
  }

  found() {
    return call("GET", bar().dataset.ids);
  }

  /** What was done is done with these; what was picked meanwhile stays. */
  drop(ids) {
    for (const id of ids) this.picked.delete(id);
    this.show();
  }

  clear() {
    this.picked.clear();
    this.last = null;
    this.show();
  }

  show() {
    const all = boxes();
    for (const box of all) box.checked = this.picked.has(box.dataset.pick);
    const [count, editable] = [this.picked.size, this.editable.length];
    const box = document.getElementById("pick-all");
    if (!box) return;
    box.checked = count > 0 && all.every((one) => one.checked);
    box.indeterminate = count > 0 && !box.checked;
    box.disabled = !all.length;
    say(bar().querySelector("[data-picked]"), count ? `${count} selected${editable < count ? `, ${count - editable} of them in progress` : ""}` : "Select");
    show(bar().querySelector(".picked-acts"), count > 0);
    for (const button of bar().querySelectorAll('[data-many="keep"], [data-many="reject"], [data-open="#many-words"]')) button.disabled = !editable;
    const whole = Number(document.getElementById("wall-count")?.textContent ?? 0);
    const reject = bar().querySelector("[data-reject-all]");
    say(reject, `Reject all ${whole} shown here`);
    if (reject) {
      reject.dataset.rejectAll = whole;
      show(reject, whole > 0);
      show(document.getElementById("list-done"), whole === 0);
    }
    const more = bar().querySelector("[data-picked-more]");
    show(more, box.checked && count < whole);
    say(more, `Select all ${whole}`);
    const compare = bar().querySelector("[data-compare]");
    show(compare, count === 2);
    if (count === 2) compare.href = `/compare/?a=${this.ids[0]}&b=${this.ids[1]}`;
    for (const each of document.querySelectorAll("[data-picked-count]")) say(each, editable);
  }
}
