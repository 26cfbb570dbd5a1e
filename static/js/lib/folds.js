// What somebody opened or closed stays so while the piece of the page around it is fetched again.
// A fold that shall be kept has an id which names what it tells of: another take's history is another fold.
let before = { target: null, folds: new Map() }; // of the swap that comes next: by id, how each fold was
const reopened = new WeakSet(); // folds that were open before they were fetched again, and have not been closed since

const textOf = (fold) => fold.querySelector("pre");

/** Whether the fold was open already when its piece of the page was last fetched. */
export const wasOpen = (fold) => reopened.has(fold);

/** Read what is open in `target`, at its swap itself: a "toggle" event comes after its press, and would be too late for
    a swap between the two. */
function readFolds(target) {
  const folds = [...(target?.querySelectorAll("details[id]") ?? [])];
  before = { target, folds: new Map(folds.map((fold) => [fold.id, { open: fold.open, scrolled: textOf(fold)?.scrollTop ?? 0 }])) };
}

/** It is meant for this swap alone: what was read for one that did not come knows nothing of what was opened since. */
function restore(target) {
  const { folds } = before;
  if (before.target !== target) return;
  before = { target: null, folds: new Map() };
  for (const [id, { open, scrolled }] of folds) {
    const fold = document.getElementById(id);
    if (!fold) continue;
    fold.open = open;
    if (open) reopened.add(fold);
    if (open && textOf(fold)) textOf(fold).scrollTop = scrolled;
  }
}

/** Put words that are here already into the page, with the events of those that htmx has asked for. */
export function swapIn(target, words) {
  readFolds(target);
  window.htmx.swap(target, words, { swapDelay: 0, settleDelay: 0 }, { eventInfo: { target } });
}

export function keepFolds() {
  document.addEventListener("htmx:beforeSwap", ({ detail }) => readFolds(detail.target));
  document.addEventListener("htmx:afterSwap", ({ detail }) => restore(detail.target));
  document.addEventListener("toggle", ({ target }) => target.open || reopened.delete(target), true);
}
