// Before the first paint: the theme that was chosen here. No module, so that it does not wait.
(() => {
  const root = document.documentElement;
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "dark" || theme === "light") root.dataset.theme = theme;
  } catch {
    // Storage may be switched off; the system's theme is right then.
  }
  // The bar of the browser or of the installed product follows the theme that was chosen.
  const paint = () => {
    if (!root.dataset.theme) return;
    for (const meta of document.querySelectorAll("meta[name=theme-color]")) meta.content = meta.dataset[root.dataset.theme];
  };
  document.addEventListener("theme", paint);
  paint();
})();
