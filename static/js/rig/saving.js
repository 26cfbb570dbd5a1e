// Check, save, save and start: the answer of each stands below the buttons.
import { call } from "../lib/api.js";
import { make, say } from "../lib/dom.js";
import { toast } from "../lib/toast.js";
import { goToError, goToOwn, markWrong } from "./wrong.js";

/** Robots that cannot fall. */
const STILL = new Set(["sim", "replay"]);
const sayLater = (words) => sessionStorage.setItem("said", words);

export class Saving {
  constructor(page) {
    this.page = page;
    this.version = null; // of the file that was read; none of a new one
    this.box = document.getElementById("checked");
    this.buttons = ["check", "save", "save-start"].map((id) => document.getElementById(id));
    const [check, save, begin] = this.buttons;
    check.addEventListener("click", () => this.busy(check, () => this.check()));
    save.addEventListener("click", () => this.busy(save, () => this.save(false)));
    begin.addEventListener("click", () => this.busy(begin, () => this.isSafe(begin) && this.save(true)));
  }

  /** An arm may fall when its rig ends: a restart of one that is edited takes a second press. */
  isSafe(button) {
    const { kind } = this.page.draft.tables.robot ?? {};
    if (!this.page.edited || STILL.has(kind) || button.dataset.armed) return true;
    const words = button.textContent;
    button.dataset.armed = "yes";
    say(button, "Arm supported: restart");
    setTimeout(() => {
      delete button.dataset.armed;
      say(button, words);
    }, 4000);
    return false;
  }

  /** What was checked is no longer what stands there. */
  changed() {
    this.box.classList.toggle("is-old", Boolean(this.checked) && this.checked !== this.page.draft.text);
  }

  /** Whether there is something to check or save; a press before the form is open waits for it. */
  async hasFile() {
    if (this.page.isOpen) return true;
    this.say(make("p", { class: "small dim" }, "Reading the rig file …"));
    const isOpen = await this.page.isRead();
    this.say(make("p", { class: isOpen ? "small dim" : "note tone-bad" }, isOpen ? "" : "The rig file could not be read, so nothing was done. Press again once the form is open."));
    return isOpen;
  }

  async busy(button, act) {
    if (this.running) return;
    this.running = true;
    button.setAttribute("aria-busy", "true");
    this.buttons.forEach((each) => (each.disabled = each !== button));
    this.page.cameras.looking.hold(true); // the station connects the cameras itself, or a rig does
    try {
      if (!(await this.hasFile())) return;
      await this.page.draft.settle();
      await act();
    } catch (error) {
      this.failed(error);
    } finally {
      this.running = false;
      button.removeAttribute("aria-busy");
      this.buttons.forEach((each) => (each.disabled = false));
      this.page.cameras.looking.hold(false);
    }
  }

  say(...parts) {
    this.box.classList.remove("is-old");
    this.box.replaceChildren(...parts);
  }

  /** Whether something is wrong: it is shown, and the keyboard goes to its field, else to its line. */
  hasErrors() {
    const { page } = this;
    const { errors, isToml } = page.draft;
    const [first] = errors;
    if (!first) {
      const own = goToOwn(page.sections);
      if (own) this.say(make("p", { class: "note tone-bad" }, own));
      return own !== "";
    }
    this.say(make("p", { class: "note tone-bad" }, `The rig file has an error${first.line ? ` in line ${first.line}` : ""}: ${[first.key, first.message].filter(Boolean).join(": ")}`));
    markWrong(page.sections, errors);
    if (!(isToml && goToError(page.sections, first)) && first.line) page.editor.select(first.line);
    return true;
  }

  async check() {
    if (this.hasErrors()) return;
    const { text } = this.page.draft;
    this.say(make("p", { class: "small dim" }, "Connecting every device …"));
    const { lines } = await call("POST", `${this.page.draft.base}/check-rig`, { text });
    this.checked = text;
    const items = lines.map((line) => make("li", { class: line.ok ? "check-line tone-good" : "check-line tone-bad" }, make("span", { class: "dot" }), make("b", {}, line.device), make("span", { class: "words" }, line.text || (line.ok ? "works" : "does not work"), ...this.remedy(line))));
    const bad = lines.filter(({ ok }) => !ok).length;
    const sum = bad ? `${bad} of ${lines.length} do not work yet.` : "Everything works.";
    this.say(make("p", { class: bad ? "strong tone-bad words-tone" : "strong tone-good words-tone", id: "check-sum" }, sum), make("ul", { class: "check-lines" }, ...items));
  }

  /** What is missing can be done here. */
  remedy({ device, ok, text }) {
    if (ok || !/calibrat/.test(text) || !/^(robot|teleoperator( .+)?)$/.test(device)) return [];
    const button = make("button", { class: "button small", type: "button" }, "Save and calibrate");
    button.addEventListener("click", () => this.busy(button, () => this.save(false, device)));
    return [" ", button];
  }

  async save(begin, calibrate = "") {
    if (this.hasErrors()) return;
    const { draft, edited, station } = this.page;
    const rigs = `${draft.base}/rigs`;
    const { text } = draft;
    const saved = edited ? await call("PUT", `${rigs}/${edited}`, { text, version: this.version }) : await call("POST", rigs, { text });
    this.version = saved.version;
    draft.dirty = draft.text !== text; // what was typed meanwhile is not saved
    if (begin) {
      await call("POST", `${rigs}/${saved.name}/${edited ? "restart" : "start"}`);
      sayLater(`Saved ${saved.name}. It is starting …${edited ? "" : " Check it before the first take."}`);
      location.assign("/rigs/");
      return;
    }
    if (calibrate) {
      sayLater(`Saved ${saved.name}.`);
      location.assign(`/rigs/${encodeURIComponent(saved.name)}/calibrate/?station=${encodeURIComponent(station)}&role=${encodeURIComponent(calibrate)}`);
      return;
    }
    if (edited) {
      toast(`Saved ${saved.name}. A running rig takes it when it is restarted.`);
      return;
    }
    sayLater(`Saved ${saved.name}.`);
    location.assign(`/rigs/${encodeURIComponent(saved.name)}/edit/?station=${encodeURIComponent(station)}`);
  }

  failed(error) {
    const parts = [make("p", { class: "note tone-bad" }, error.message)];
    if (error.code === "changed") parts.push(this.reload());
    if (error.detail?.errors) {
      this.page.draft.errors = error.detail.errors;
      this.page.shown(this.page.draft, false);
    }
    this.say(...parts);
  }

  reload() {
    const button = make("button", { class: "button small", type: "button" }, "Drop my changes and load it");
    button.addEventListener("click", () => {
      this.page.draft.dirty = false;
      location.reload();
    });
    return make("p", {}, button);
  }
}
