// Changes of one episode go one after another, each with the version that this page has seen last: what somebody else
// did meanwhile is refused and said, what one did oneself a moment ago is not.
import { call } from "./lib/api.js";
import { ringTopics } from "./live.js";

const ONE = /^\/api\/episodes\/([0-9a-f-]{36})(?:\/revert)?$/;
const known = new Map(); // by episode the newest version that an answer named
const underWay = new Map(); // by episode the last change that was sent
const settled = new Map(); // by episode when the last one was answered

export function learn(episode, version) {
  if (version && version > (known.get(episode) ?? "")) known.set(episode, version);
}

/** Whether words of an episode that were asked for at `since` may not know yet what this page changed. */
export function lacks(episode, since) {
  return underWay.has(episode) || since <= (settled.get(episode) ?? -1);
}

/** What the page shows, or what came back from one's own change since: versions are times, the later one counts. */
function versionOf(episode) {
  const shown = [document.getElementById(`take-${episode}`), document.querySelector(`#details[data-episode="${episode}"]`)];
  for (const element of shown) learn(episode, element?.dataset.version);
  return known.get(episode);
}

async function send(method, url, episode, body) {
  const version = versionOf(episode);
  try {
    const answer = await call(method, url, version ? { version, ...body } : body);
    learn(episode, answer.version);
    return answer;
  } catch (error) {
    // Whatever shows it comes again as it is now.
    if (error.code === "conflict") ringTopics([`episode:${episode}`]);
    throw error;
  }
}

/** `call`, with the version wherever one episode is changed. */
export function change(method, url, body = {}) {
  const episode = method === "GET" ? null : ONE.exec(url)?.[1];
  if (!episode) return call(method, url, body);
  const sent = (underWay.get(episode) ?? Promise.resolve()).then(() => send(method, url, episode, body));
  const ended = sent.catch(() => {}).then(() => {
    settled.set(episode, performance.now());
    if (underWay.get(episode) === ended) underWay.delete(episode);
  });
  underWay.set(episode, ended);
  // Who looks at the answer finds it settled.
  return ended.then(() => sent);
}

document.addEventListener("undone", ({ detail }) => {
  for (const id of detail.episodes) {
    learn(id, detail.version);
    settled.set(id, performance.now());
  }
});
