// Swagger UI has a dark dress of its own, by a class of the document: it follows the page's theme.
const system = matchMedia("(prefers-color-scheme: dark)");

function dress() {
  const theme = document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light");
  document.documentElement.classList.toggle("dark-mode", theme === "dark");
}

document.addEventListener("theme", dress);
system.addEventListener("change", dress);
dress();

// What Swagger UI leaves undone for those who cannot see or point.
const addresses = document.getElementById("swagger-ui");

function repair() {
  const each = (selector, change) => addresses.querySelectorAll(selector).forEach(change);
  // Its headings begin two levels below the page's own; one level up, none is skipped.
  each("h3, h4, h5", (heading) => heading.setAttribute("aria-level", heading.tagName[1] - 1));
  each("pre", (scrolls) => { scrolls.tabIndex = 0; });
  each("[role=region]:not([aria-label])", (region) => region.setAttribute("aria-label", region.id.replaceAll("_", " ")));
  each(".opblock-summary-control a[href]", (within) => within.removeAttribute("href")); // its button does the same
}

new MutationObserver(repair).observe(addresses, { childList: true, subtree: true });
repair();
