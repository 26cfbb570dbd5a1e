// Where tabs do not all fit, the one that is open is in sight.
const seen = new WeakSet(); // who has moved them since is left alone

function look() {
  for (const tabs of document.querySelectorAll(".tabs, .dataset-tabs")) {
    if (seen.has(tabs)) continue;
    seen.add(tabs);
    const open = tabs.querySelector("[aria-current]");
    if (open) tabs.scrollLeft = open.offsetLeft - tabs.offsetLeft - (tabs.clientWidth - open.offsetWidth) / 2;
  }
}

export function watchTabs() {
  look();
  document.addEventListener("htmx:afterSettle", look);
}
