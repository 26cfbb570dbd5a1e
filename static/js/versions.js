// Changes of one episode go one after another, each with the version that was on screen when it was pressed: what somebody
// else did meanwhile is refused and said, what one did oneself, here or in another tab, is not.
import { call } from "./lib/api.js";
import { undoFirst } from "./lib/toast.js";
import { ringTopics } from "./live.js";

const ONE = /^\/api\/episodes\/([0-9a-f-]{36})(?:\/revert|\/cut)?$/;
const known = new Map(); // by episode a version that was told of without being shown
const underWay = new Map(); // by episode the last change that was sent
const settled = new Map(); // by episode when the last one was answered
const others = new Set(); // acts on many that are not answered yet

export function learn(episode, version) {
  if (version && version > (known.get(episode) ?? "")) known.set(episode, version);
}

/** Whether words of an episode that were asked for at `since` may not know yet what this page changed. */
export function lacks(episode, since) {
  return underWay.has(episode) || since <= (settled.get(episode) ?? -1);
}

/** What the page shows of it, or nothing. */
export function versionOf(episode) {
  const shown = [document.getElementById(`take-${episode}`), document.querySelector(`#details[data-episode="${episode}"]`)];
  return [known.get(episode), ...shown.map((element) => element?.dataset.version)].filter(Boolean).sort().at(-1);
}

async function send(method, url, episode, body) {
  try {
    return await call(method, url, body);
  } catch (error) {
    // Whatever shows it comes again as it is now.
    if (error.code === "conflict") ringTopics([`episode:${episode}`]);
    throw error;
  }
}

/** `call`, with the version wherever one episode is changed. */
export function change(method, url, body = {}) {
  const episode = method === "GET" ? null : ONE.exec(url)?.[1];
  if (!episode) return tracked(call(method, url, body));
  const version = body.version ?? versionOf(episode);
  const words = version ? { ...body, version, own: true } : body;
  const sent = (underWay.get(episode) ?? Promise.resolve()).then(() => send(method, url, episode, words));
  const ended = sent.catch(() => {}).then(() => {
    settled.set(episode, performance.now());
    if (underWay.get(episode) === ended) underWay.delete(episode);
  });
  underWay.set(episode, ended);
  // Who looks at the answer finds it settled.
  return ended.then(() => sent);
}

/** An act that undo is to wait for. */
export function tracked(act) {
  const ended = act.catch(() => {}).then(() => others.delete(ended));
  others.add(ended);
  return act;
}

/** Once all that was sent before this is answered. */
export const answered = () => Promise.all([...underWay.values(), ...others]);

// Undo takes back the newest change on the server: what was pressed before it has to be there first.
undoFirst((onward) => answered().then(onward));
document.addEventListener("undone", ({ detail }) => detail.episodes.forEach((id) => settled.set(id, performance.now())));
