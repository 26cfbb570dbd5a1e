// Swagger UI has a dark dress of its own, by a class of the document: it follows the page's theme.
const system = matchMedia("(prefers-color-scheme: dark)");

function dress() {
  const theme = document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light");
  document.documentElement.classList.toggle("dark-mode", theme === "dark");
}

document.addEventListener("theme", dress);
system.addEventListener("change", dress);
dress();
