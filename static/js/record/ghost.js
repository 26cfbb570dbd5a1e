// A frame of an earlier take over the live pictures, to set the scene up as it was. The choice is kept for each rig.
import { call } from "../lib/api.js";
import { make, remember, remembered, say, show } from "../lib/dom.js";
import { clock } from "../lib/format.js";

const LAST_KEPT = "";
const LISTED = 40;
const HEIGHT = 480;
const SOON_MS = 300;
const at = (id) => document.getElementById(`ghost-${id}`);
const isKept = ({ verdict, state }) => verdict === "keep" || (state === "encoded" && verdict !== "reject");

export class Ghost {
  /** `dataset`: the field that names the dataset whose takes are offered. */
  constructor(rig, stage, dataset) {
    Object.assign(this, { stage, dataset, key: `ghost:${rig}`, takes: [], asked: 0 });
    this.choice = { on: false, take: LAST_KEPT, frame: 0, opacity: 50, ...parsed(remembered(this.key, "{}")) };
    this.toggler = at("toggle");
    this.toggler.addEventListener("click", () => this.toggle());
    at("take").addEventListener("change", ({ target }) => {
      this.choose({ take: target.value, frame: 0 });
      target.blur(); // the keys of the page live again
    });
    at("frame").addEventListener("input", ({ target }) => this.choose({ frame: Number(target.value) }));
    at("opacity").addEventListener("input", ({ target }) => this.choose({ opacity: Number(target.value) }));
    dataset.addEventListener("change", () => this.look());
    // A take has come, or was judged.
    document.addEventListener("htmx:afterSettle", ({ detail }) => detail.elt?.closest?.("#session") && this.lookSoon());
    this.show();
    this.look();
  }

  toggle() {
    this.choose({ on: !this.choice.on });
    this.look();
  }

  choose(part) {
    Object.assign(this.choice, part);
    remember(this.key, JSON.stringify(this.choice));
    this.show();
  }

  /** Once for a burst of cards. */
  lookSoon() {
    clearTimeout(this.due);
    this.due = setTimeout(() => this.look(), SOON_MS);
  }

  /** Which takes there are. */
  async look() {
    if (!this.choice.on) return;
    this.asked += 1;
    const { asked } = this;
    const slug = this.dataset.value;
    let takes = [];
    try {
      const query = `dataset=${encodeURIComponent(slug)}&limit=${LISTED}`;
      takes = slug ? (await call("GET", `/api/episodes?${query}`)).items : [];
    } catch {
      takes = this.takes; // it is asked again when a take comes
    }
    if (asked !== this.asked) return;
    this.takes = takes.filter(({ state, verdict, purged_at: gone, ticks }) => state !== "recording" && verdict !== "reject" && !gone && ticks > 0);
    this.show();
  }

  /** The chosen take; without one, or where that is gone, the last kept one: of this session, or else of the dataset. */
  take() {
    const running = document.getElementById("session")?.dataset.running;
    const kept = this.takes.filter(isKept);
    return this.takes.find(({ id }) => id === this.choice.take) ?? kept.find(({ session }) => session === running) ?? kept[0] ?? this.takes[0];
  }

  show() {
    const { on, opacity } = this.choice;
    const take = on ? this.take() : null;
    this.toggler.setAttribute("aria-pressed", String(on));
    show(document.getElementById("ghost"), on);
    show(at("none"), on && !take);
    say(at("none"), this.dataset.value ? "This dataset has no takes yet." : "Choose a dataset that has takes.");
    if (on) this.list();
    this.controls(take);
    this.stage.element.style.setProperty("--ghost", String(opacity / 100));
    this.stage.ghost(take ? (camera) => `/media/${take.id}/frame/${camera}/${this.frame(take)}.jpg?height=${HEIGHT}` : null);
  }

  frame(take) {
    return Math.min(this.choice.frame, take.ticks - 1);
  }

  controls(take) {
    const { opacity } = this.choice;
    for (const field of [at("take"), at("frame"), at("opacity")]) field.disabled = !take;
    at("frame").max = String(take ? take.ticks - 1 : 0);
    at("frame").value = String(take ? this.frame(take) : 0);
    say(at("number"), take ? `${this.frame(take)} of ${take.ticks - 1}` : "–");
    at("opacity").value = String(opacity);
    say(at("percent"), `${opacity} %`);
    const strip = take ? `/media/${take.id}/strip/${this.stage.keys[this.stage.large]}.jpg?count=12&height=48` : "";
    show(at("strip"), Boolean(strip));
    if (strip && at("strip").getAttribute("src") !== strip) at("strip").src = strip;
  }

  /** The list is drawn again only where it differs: somebody may have it open. */
  list() {
    const kept = this.takes.some(isKept);
    const lines = [[LAST_KEPT, kept ? "The last kept take" : "The newest take"], ...this.takes.map((take) => [take.id, words(take)])];
    const text = JSON.stringify(lines);
    if (text !== this.drawn) at("take").replaceChildren(...lines.map(([value, label]) => make("option", { value }, label)));
    this.drawn = text;
    at("take").value = this.takes.some(({ id }) => id === this.choice.take) ? this.choice.take : LAST_KEPT;
  }
}

function words(take) {
  const when = new Date(take.recorded_at).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  return `${take.name} · ${when} · ${clock(take.duration_s)} · ${take.task}${isKept(take) ? " (kept)" : ""}`;
}

function parsed(text) {
  try {
    const { on, take, frame, opacity } = JSON.parse(text);
    const isSound = typeof on === "boolean" && typeof take === "string" && Number.isInteger(frame) && frame >= 0 && opacity >= 5 && opacity <= 95;
    return isSound ? { on, take, frame, opacity } : {};
  } catch {
    return {};
  }
}
