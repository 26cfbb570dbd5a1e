// Subtasks and remarks of the episode that is shown: fetched, edited by keys and pointer, kept.
// Those of a take are saved at once, like its trim; those of an episode wait for Save, which makes a revision.
import { call } from "../lib/api.js";
import { make, say, show } from "../lib/dom.js";
import { complain, toast, undoFirst } from "../lib/toast.js";
import { isLate } from "./late.js";
import { SpanActs } from "./span_acts.js";
import { Lane } from "./span_lane.js";
import { again, shifted } from "./span_model.js";
import { saveRevision } from "./span_saving.js";

const NOTHING = { subtasks: [], remarks: [], others: [], odd: "" };
const byId = (id) => document.getElementById(id);
const details = () => byId("details");

export class Spans extends SpanActs {
  constructor(review) {
    super();
    Object.assign(this, { review, player: review.player, said: NOTHING, chosen: null, past: [], shown: "", trial: null, writing: null });
    this.box = byId("spans");
    this.field = byId("span-text");
    this.lane = new Lane(byId("lane"), { chosen: (_, { one }) => this.choose(one, true), moved: (...how) => this.dragged(...how) });
    byId("span-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.write();
    });
    this.field.addEventListener("blur", () => this.write());
    this.field.addEventListener("keydown", ({ key }) => key === "Escape" && this.leaveField());
    this.box.addEventListener("click", ({ target }) => this.pressed(target.closest("button")?.dataset.span));
    window.addEventListener("pagehide", () => this.leave());
    undoFirst((onward) => (this.takeBack() ? undefined : onward()));
  }

  get editable() {
    return Boolean(details().dataset.editable) && !this.said.odd && this.shown.startsWith(this.player.episode) && !this.saving;
  }

  get committed() {
    return Boolean(details().dataset.committed);
  }

  get dirty() {
    return this.committed && this.past.length > 0;
  }

  /** The details or the frames have come: what is said of them is fetched, unless it is shown already. */
  async read() {
    const { episode, version } = details().dataset;
    if (this.shown && !this.shown.startsWith(this.player.episode)) {
      Object.assign(this, { said: NOTHING, chosen: null, past: [], shown: "", asked: "" });
      this.draw();
    }
    if (episode !== this.player.episode || !this.player.about) return;
    const wanted = `${episode} ${version}`;
    if (this.shown === wanted || this.asked === wanted || this.dirty || this.writing) return;
    this.asked = wanted;
    const since = performance.now();
    const answer = await call("GET", `/api/episodes/${episode}/language`).catch((error) => ({ ...NOTHING, odd: error.message }));
    if (this.asked !== wanted) return;
    this.asked = "";
    if (this.player.episode !== episode || this.writing || this.dirty) return;
    const { wire } = this.review;
    if (isLate(wire, episode, since)) return void wire.idle().then(() => this.read()); // it lacks what was said meanwhile
    const by = -this.player.firstTick;
    const others = (answer.others ?? []).map((other) => ({ ...other, frame: other.frame + by }));
    Object.assign(this, { said: { ...answer, ...shifted(answer, by), others }, shown: wanted, past: [] });
    this.chosen = again(this.chosen, this.said);
    byId("span-words").replaceChildren(...(answer.suggested ?? []).map((value) => make("option", { value })));
    this.draw();
  }

  draw() {
    const { said, chosen, editable } = this;
    show(this.box, editable || Boolean(said.odd) || said.subtasks.length + said.remarks.length + said.others.length > 0);
    this.lane.draw(said, chosen, Math.max(1, this.player.frames));
    show(byId("span-form"), editable);
    for (const part of this.box.querySelectorAll("[data-needs]")) show(part, Boolean(chosen) && (part.dataset.needs === "any" || "end" in chosen));
    if (document.activeElement !== this.field) this.field.value = chosen?.text ?? "";
    show(byId("span-save"), editable && this.dirty);
    const more = said.more ? `${said.more} more entries of other programs are not shown. ` : "";
    say(byId("span-odd"), more + (said.odd ?? ""));
    show(byId("span-odd"), Boolean(more + (said.odd ?? "")));
  }

  /** `seeks`: also show where it begins. */
  choose(one, seeks = false) {
    if (this.writing && one !== this.writing) this.write();
    if ("style" in one) return void this.player.seek(one.frame);
    this.chosen = one;
    if (seeks) this.player.seek(one.first ?? one.frame);
    this.draw();
  }

  pressed(what) {
    const acts = { begin: () => this.begin(), remark: () => this.remark(), first: () => this.move("first"), end: () => this.move("end"), remove: () => this.remove(), save: () => this.save() };
    acts[what]?.();
  }

  keep(change, from = this.said) {
    this.past.push(from);
    this.said = { ...this.said, ...change };
    this.draw();
    if (this.committed) return;
    this.past = [];
    this.review.send({ language: this.body() }, () => toast(change.remarks && !change.subtasks ? "Remark saved." : "Subtasks saved.", { undo: true }));
  }

  body() {
    return shifted(this.said, this.player.firstTick);
  }

  /** With the version that it was made from: what somebody else has set since is not replaced. */
  seen() {
    return { ...this.body(), version: this.said.version };
  }

  /** Z: what waits for Save is undone first. */
  takeBack() {
    if (!this.dirty || this.saving) return false;
    Object.assign(this, { said: this.past.pop(), chosen: null });
    this.draw();
    return true;
  }

  async save() {
    if (!this.dirty || this.saving) return;
    this.saving = true;
    const [past, body, episode] = [this.past, this.seen(), this.player.episode];
    this.past = [];
    this.draw();
    const saved = await saveRevision(episode, body, () => this.again(episode)).catch(complain);
    this.saving = false;
    if (this.player.episode !== episode) return;
    if (!saved) this.past = past;
    else this.again(episode);
    this.draw();
  }

  again(episode) {
    if (this.player.episode !== episode) return;
    this.shown = "";
    this.read();
  }

  /** Another episode is opened, or the page is left: what waits is saved. */
  leave() {
    this.write();
    if (!this.dirty) return;
    this.past = [];
    saveRevision(this.player.episode, this.seen(), () => undefined).catch(complain);
  }
}
