// Keys that are pressed before the page's scripts are here: kept, and pressed again once those listen.
(() => {
  const MOST = 20;
  const pressed = [];
  const keep = (event) => {
    const field = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (!field && !event.repeat && !event.isComposing && pressed.length < MOST) pressed.push(event);
  };
  document.addEventListener("keydown", keep, true);
  // It comes after the modules have run, so every handler is there.
  document.addEventListener("DOMContentLoaded", () => {
    document.removeEventListener("keydown", keep, true);
    for (const { key, code, ctrlKey, shiftKey, altKey, metaKey } of pressed) {
      const again = { key, code, ctrlKey, shiftKey, altKey, metaKey, bubbles: true, cancelable: true };
      document.body.dispatchEvent(new KeyboardEvent("keydown", again));
    }
  });
})();
