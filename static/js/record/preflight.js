// The check of the rig before the first take: asked for here, told by the rig with its status, worst first.
import { call } from "../lib/api.js";
import { make, say, show } from "../lib/dom.js";
import { complain } from "../lib/toast.js";

const OFFER = "Not checked since the rig started. A check records for 3\u00a0s, judges that and keeps nothing.";
const LEVELS = { ok: ["tone-good", "✓", "Good"], warn: ["tone-warn", "!", "Look"], bad: ["tone-bad", "✕", "Bad"] };
const ORDER = ["bad", "warn", "ok"];

export class Preflight {
  /** `asks()` is called where this page asks for a check. */
  constructor(desk, form, asks) {
    Object.assign(this, { api: desk.dataset.api, form, asks, result: undefined, drawn: "", asked: false, wasAsked: false, can: false });
    this.box = document.getElementById("preflight");
    this.button = document.getElementById("preflight-begin");
    this.sum = document.getElementById("preflight-sum");
    this.wrong = document.getElementById("preflight-wrong");
    this.details = document.getElementById("preflight-details");
    this.button.addEventListener("click", () => this.begin());
    form.dataset.addEventListener("change", () => this.ofDataset());
    this.isMeant = location.hash === "#preflight"; // a link leads here
  }

  async begin() {
    if (!this.can || this.asked) return;
    this.asked = true;
    this.asks();
    const dataset = this.form.dataset.value;
    try {
      await call("POST", `${this.api}/commands/preflight`, { args: dataset ? { dataset } : {} });
      this.isOurs = this.wasAsked = true; // whoever asked reads all of it; for others what is good is folded
    } catch (error) {
      complain(error);
    } finally {
      this.asked = false;
    }
  }

  /** Nothing is offered by a rig that is offline, or that knows no such command. */
  show({ online = true, controls = [], preflight, blockers = [] }) {
    show(this.box, online && preflight !== undefined);
    if (!online || preflight === undefined) return;
    this.can = controls.includes("preflight");
    if (this.isMeant) this.button.focus();
    this.isMeant = false;
    this.result = preflight;
    const runs = preflight?.state === "running";
    this.button.setAttribute("aria-disabled", String(!this.can));
    this.button.setAttribute("aria-busy", String(runs));
    say(this.button, runs ? "Checking …" : preflight ? "Check again" : "Check the rig");
    this.button.title = this.can || runs ? "" : "A rig is checked while it is ready";
    const isFirst = !preflight && this.can && !document.getElementById("takes-count");
    this.button.classList.toggle("primary", isFirst && !blockers.length);
    this.box.classList.toggle("is-offer", isFirst);
    this.box.classList.toggle("is-near", isFirst || runs || this.wasAsked);
    say(document.getElementById("preflight-age"), preflight?.age_s == null ? "" : ago(preflight.age_s));
    this.draw(runs);
    this.ofDataset();
  }

  draw(runs) {
    const { checks, state } = this.result ?? {};
    const key = JSON.stringify([runs, state, checks ?? null]);
    if (key === this.drawn) return;
    const isNew = this.drawn !== "" && !runs && Boolean(checks);
    this.drawn = key;
    const [good, wrong] = [true, false].map((isGood) => (checks ?? []).filter((one) => (one.level === "ok") === isGood));
    show(this.wrong, wrong.length > 0 && !runs);
    show(this.details, good.length > 0 && !runs);
    const worst = checks ? ORDER.find((level) => checks.some((one) => one.level === level)) : "";
    this.box.dataset.tone = runs ? "" : worst;
    say(this.sum, runs ? "A test recording runs. Nothing of it is kept." : checks ? summed(checks, state) : OFFER);
    this.sum.className = runs || !worst ? "preflight-sum" : `preflight-sum words-tone ${LEVELS[worst][0]}`;
    if (!checks) return;
    this.wrong.replaceChildren(...wrong.map(line));
    document.getElementById("preflight-good").replaceChildren(...good.map(line));
    say(document.getElementById("preflight-count"), wrong.length ? `${good.length} good` : `All ${good.length} checks`);
    if (isNew && this.isOurs) this.details.open = true;
    if (isNew) this.isOurs = false;
  }

  /** A rig that fits one dataset may not fit another. */
  ofDataset() {
    const chosen = this.form.dataset.value;
    const checked = this.result?.checks ? this.result.dataset : null;
    const place = document.getElementById("preflight-of");
    show(place, Boolean(chosen) && checked !== null && checked !== chosen);
    say(place, checked ? `Compared with the dataset ${checked}, not with ${chosen}.` : `Not compared with the dataset ${chosen}.`);
  }
}

function line({ level, text, remedy }) {
  const [tone, sign, words] = LEVELS[level] ?? LEVELS.warn;
  const badge = make("span", { class: "preflight-sign" }, make("span", { "aria-hidden": "true" }, sign), make("span", { class: "visually-hidden" }, `${words}: `));
  const rest = remedy ? make("span", { class: "small preflight-remedy" }, `${remedy}.`.replace(/([.?!])\.$/, "$1")) : null;
  return make("li", { class: tone, "data-level": level }, badge, make("span", { class: "preflight-words" }, make("span", {}, text), rest));
}

function summed(checks, state) {
  const count = (level) => checks.filter((one) => one.level === level).length;
  const [bad, warn] = [count("bad"), count("warn")];
  if (state === "stopped") return "The check was stopped.";
  if (!bad && !warn) return "Everything is good.";
  const parts = [bad ? `${bad} bad` : "", warn ? `${warn} to look at` : "", `${checks.length - bad - warn} good`];
  return `${parts.filter(Boolean).join(", ")}.`;
}

function ago(seconds) {
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  return seconds < 5400 ? `${Math.floor(seconds / 60)} min ago` : `${Math.round(seconds / 3600)} h ago`;
}
