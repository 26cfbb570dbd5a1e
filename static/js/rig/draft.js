// The rig file that is being written: its text and its values. The server makes each from the other, so that what a
// person wrote by hand stays, comments included; the station says what is wrong with it.
import { call } from "../lib/api.js";

const SETTLED_MS = 350;

export class Draft {
  /** `shown(draft, drawForm)` after each change; `failed(error)` where nobody could be asked. */
  constructor(station, { shown, failed }) {
    Object.assign(this, { station, shown, failed, text: "", tables: {}, errors: [], lost: [], isToml: true, isRead: false, dirty: false, values: [] });
    this.number = 0; // of the newest change: answers to older ones are late
    this.underWay = Promise.resolve();
  }

  get base() {
    return `/api/stations/${encodeURIComponent(this.station)}`;
  }

  /** A text that was read, with its values. */
  load(text) {
    this.text = text;
    return this.read(++this.number, true);
  }

  /** Somebody types in the text: it wins over the form. */
  type(text) {
    this.text = text;
    this.dirty = true;
    this.lost = [];
    this.values = [];
    this.wait(() => this.read(this.number, true));
  }

  /** Somebody changes the form: `change(tables)` sets values; `value` is one that is written as TOML. */
  set(change, value = null) {
    change(this.tables);
    this.dirty = true;
    if (value) this.values = [...this.values.filter(({ path }) => path.join("\n") !== value.path.join("\n")), value];
    this.wait(() => this.write(this.number));
  }

  wait(act) {
    this.number++;
    clearTimeout(this.timer);
    this.pending = act;
    this.timer = setTimeout(() => this.settle(), SETTLED_MS);
  }

  /** Once everything that was typed is in the text and checked. */
  settle() {
    clearTimeout(this.timer);
    const act = this.pending;
    this.pending = null;
    if (act) this.underWay = act();
    return this.underWay;
  }

  async write(number) {
    const { text, tables, values } = this;
    try {
      const answer = await call("POST", "/api/rig-files/edit", { text, tables, values });
      if (number !== this.number) return;
      Object.assign(this, { text: answer.text, tables: answer.tables, values: [] });
      this.lost.push(...answer.lost);
    } catch (error) {
      if (number !== this.number) return;
      this.errors = error.detail?.errors ?? [];
      if (!this.errors.length) this.failed(error);
      this.shown(this, false);
      return;
    }
    this.shown(this, false);
    await this.read(number, false);
  }

  async read(number, drawForm) {
    try {
      const answer = await call("POST", `${this.base}/check-text`, { text: this.text });
      if (number !== this.number) return;
      this.isRead = true;
      this.errors = answer.errors;
      this.isToml = answer.tables !== null;
      if (answer.tables && drawForm) this.tables = answer.tables;
    } catch (error) {
      if (number !== this.number) return;
      this.isRead = false; // it is read once the station answers again
      this.failed(error);
    }
    this.shown(this, drawForm && this.isToml && this.isRead);
  }
}
