// The takes that come next, opened ahead: their pictures and their words are here before a key asks for them.
import { Refusal, reach } from "../lib/api.js";
import { isLate } from "./late.js";
import { PlayLink } from "./play_link.js";

const MOST = 4;
const MOST_COMMITTED = 2;
const MOST_BYTES = 96 * 1024 * 1024; // of decoded pictures

/** The episodes that a verdict leads to, in order: the list as the server sent it, less what was judged since. */
export function comingOf({ ahead, list }, judged) {
  return ahead.split(" ").filter((id) => id && !(list === "review" && judged.has(id)));
}

/** Those of them to open ahead: few of a committed list, because each costs a decoder's work. */
export const toPrepare = (coming, { editable }) => coming.slice(0, editable ? undefined : MOST_COMMITTED);

export class Ahead {
  constructor() {
    this.ready = new Map(); // by episode { link, words, asked }
  }

  /** Have these ready, the nearest first, as far as their pictures fit; whatever else was ready is let go. */
  want(episodes, walk, bytesEach) {
    const room = Math.max(1, Math.min(MOST, Math.floor(MOST_BYTES / Math.max(1, bytesEach))));
    const wanted = episodes.slice(0, room);
    for (const episode of [...this.ready.keys()]) if (!wanted.includes(episode)) this.drop(episode);
    for (const episode of wanted) {
      if (this.ready.has(episode)) continue;
      const one = { link: new PlayLink(episode, {}), words: null, asked: performance.now() };
      // What cannot be had ahead is fetched, and complained about, when it is asked for.
      one.words = fetchWords(episode, walk).catch(() => null);
      this.ready.set(episode, one);
    }
  }

  /** The link that is open already, or null; it is the caller's from now on. */
  takeLink(episode) {
    const one = this.ready.get(episode);
    const link = one?.link;
    if (one) one.link = null;
    return link && !link.link.ended ? link : null;
  }

  /** The words of an episode as they were fetched; null where there are none, or it was changed since. */
  takeWords(episode, wire) {
    const one = this.ready.get(episode);
    return one && !isLate(wire, episode, one.asked) ? one.words : null;
  }

  /** What was fetched of it is not true any more. */
  drop(episode) {
    this.ready.get(episode)?.link?.end();
    this.ready.delete(episode);
  }

  end() {
    for (const episode of [...this.ready.keys()]) this.drop(episode);
  }
}

/** What stands beside the pictures, as the server writes it; raises where it does not. */
export async function fetchWords(episode, walk) {
  const url = `/episodes/${episode}/?${walk}`;
  const response = await reach(url, { headers: { "HX-Request": "true" }, cache: "no-store" });
  if (response.redirected && response.url.includes("/sign-in/")) {
    throw new Refusal(401, { message: "You are signed out.", detail: { href: `/sign-in/?next=${encodeURIComponent(location.pathname + location.search)}` } });
  }
  if (!response.ok) throw new Error(`The next episode could not be loaded (${response.status}). Reload the page.`);
  return response.text();
}
