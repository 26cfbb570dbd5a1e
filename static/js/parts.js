// A link to a part of a dataset's page opens the tab that the part is on, as links of before say `/datasets/x/#revisions`.

/** The tab that holds what the address points at, where this page does not. */
function follow() {
  const part = location.hash.slice(1);
  if (!part || document.getElementById(part)) return;
  for (const tab of document.querySelectorAll(".dataset-tabs [data-holds]")) {
    if (tab.dataset.holds.split(" ").includes(part)) return location.replace(`${tab.href}#${part}`);
  }
}

export function watchParts() {
  follow();
  window.addEventListener("hashchange", follow);
}
