// Before the first paint: the theme that was chosen here. No module, so that it does not wait.
(() => {
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
  } catch {
    // Storage may be switched off; the system's theme is right then.
  }
})();
