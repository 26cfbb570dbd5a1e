// What moved when: an answer that was asked for before that, and comes after it, may show what was so before.
const MOST = 4000;
const AGAIN_MS = 3000;
const heard = new Map(); // by topic, when it was heard last
const asked = new WeakMap(); // by request, when it was sent
let all = -1;

export function note(topics) {
  for (const topic of topics) {
    heard.delete(topic);
    heard.set(topic, performance.now());
  }
  // Of what is forgotten nobody knows: it counts as moved.
  while (heard.size > MOST) {
    const [oldest, at] = heard.entries().next().value;
    heard.delete(oldest);
    all = at;
  }
}

export function noteAll() {
  all = performance.now();
}

/** Whether something that this element shows has moved after `since`. */
export const missed = (element, since) => all > since || element.dataset.live.split(" ").some((topic) => heard.get(topic) > since);

/** An answer for what has been replaced meanwhile would take what is kept (hx-preserve) out of the page. */
function dropLate({ target, detail }) {
  if (!target.isConnected) detail.shouldSwap = false;
}

/** `late(element, since)` for all that came with an answer, once it can ask itself; `lost(element)` for what asked and was not answered. */
export function watchAnswers(late, lost) {
  document.addEventListener("htmx:beforeSend", ({ detail: { xhr, target } }) => {
    asked.set(xhr, performance.now());
    target?.addEventListener("htmx:beforeSwap", dropLate); // on itself: what has left the page rings nothing above it
  });
  document.addEventListener("htmx:afterSettle", ({ target, detail: { xhr } }) => {
    const since = xhr && asked.get(xhr);
    if (since === undefined || !target.matches) return;
    for (const element of [target, ...target.querySelectorAll("[data-live]")]) if (element.matches("[data-live]")) late(element, since);
  });
  document.addEventListener("htmx:afterRequest", ({ detail: { xhr, elt } }) => {
    if ((xhr.status === 0 || xhr.status >= 500) && elt.matches("[data-live]")) setTimeout(() => elt.isConnected && lost(elt), AGAIN_MS);
  });
}
