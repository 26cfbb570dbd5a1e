// Changes that were refused, or got no answer: each with its take, the reason and the way back, until it is settled.
import { call } from "../lib/api.js";
import { make, show } from "../lib/dom.js";
import { toast } from "../lib/toast.js";
import { learn } from "../versions.js";
import { verdictWords } from "./verdict.js";

const LOOK_MS = 3000;
const OURS = new Set(["version", "own"]);
const AGAIN = { keep: "Keep again", reject: "Reject again" };

/** Nobody knows whether it was saved: the connection went away before the answer came. */
export const isUncertain = (error) => error.code === "lost";

const isSaved = (body, episode) => Object.entries(body).every(([name, value]) => OURS.has(name) || JSON.stringify(episode[name]) === JSON.stringify(value));

export class Refused {
  /** `again(one)` sends a change again. */
  constructor(element, again) {
    Object.assign(this, { element, again, lines: new Map(), looking: false });
    document.addEventListener("reconnected", () => this.look());
  }

  get size() {
    return this.lines.size;
  }

  drop(episode) {
    this.lines.get(episode)?.line.remove();
    this.lines.delete(episode);
    show(this.element, this.size > 0);
  }

  add(one, error) {
    const before = this.lines.get(one.episode);
    const body = { ...(before?.isUncertain ? before.one.body : {}), ...one.body };
    const uncertain = isUncertain(error);
    this.put({ ...one, body }, uncertain, error, uncertain ? "Saved or not? " : error.code === "not_durable" ? "Saved, not durable yet: " : "Not saved: ");
    if (uncertain) setTimeout(() => this.look(), LOOK_MS);
  }

  put(one, uncertain, error, sign, extra = null) {
    const { episode, title, walk } = one;
    this.drop(episode);
    const close = make("button", { class: "button quiet small", type: "button", "aria-label": "Close" }, "×");
    close.addEventListener("click", () => this.drop(episode));
    const signIn = error.detail?.href ? make("a", { class: "button small", href: error.detail.href }, "Sign in") : null;
    const words = make("span", { class: "grow" }, sign, make("a", { href: `/episodes/${episode}/?${walk}` }, title), `. ${uncertain ? "Checked as soon as robotdata answers." : error.message}`);
    const line = make("li", {}, words, extra, signIn, close);
    this.lines.set(episode, { line, one, isUncertain: uncertain });
    this.element.append(line);
    show(this.element, true);
  }

  /** Look up what nobody knows, and again later where nobody answers. */
  async look() {
    if (this.looking) return;
    this.looking = true;
    for (const { one, isUncertain: uncertain } of [...this.lines.values()]) if (uncertain) await this.settle(one);
    this.looking = false;
    if ([...this.lines.values()].some((each) => each.isUncertain)) setTimeout(() => this.look(), LOOK_MS);
  }

  async settle(one) {
    let episode;
    try {
      episode = await call("GET", `/api/episodes/${one.episode}`);
    } catch (error) {
      if (!isUncertain(error)) this.put(one, false, error, "Not saved: ");
      return;
    }
    if (this.lines.get(one.episode)?.one !== one) return;
    learn(one.episode, episode.version);
    const { verdict } = one.body;
    if (isSaved(one.body, episode)) {
      this.drop(one.episode);
      toast(verdict ? verdictWords(one.name, verdict, episode.episode_index !== null) : `${one.name} saved.`, { undo: true });
      return;
    }
    const again = make("button", { class: "button small", type: "button" }, AGAIN[verdict] ?? "Save again");
    again.addEventListener("click", () => {
      this.drop(one.episode);
      this.again({ ...one, version: episode.version });
    });
    this.put(one, false, { message: "The connection was lost before it was saved." }, "Not saved: ", again);
  }
}
