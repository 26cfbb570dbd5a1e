// What stands beside a list where there is room, and is folded up before it where there is none.
const WIDE = matchMedia("(min-width: 1101px)");

function fit() {
  for (const fold of document.querySelectorAll("[data-fold]")) fold.open = WIDE.matches;
}

/** What an address points at is never hidden. */
function unfold() {
  const fold = location.hash && document.getElementById(location.hash.slice(1))?.closest("[data-fold]");
  if (fold) fold.open = true;
}

export function watchFolds() {
  fit();
  unfold();
  WIDE.addEventListener("change", fit);
  window.addEventListener("hashchange", unfold);
}
