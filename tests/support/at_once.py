"""A press in the moment in which the main button of the record page begins to mean something else."""

from __future__ import annotations

AT_ONCE = """([does, key]) => new Promise((on) => {
  const big = document.getElementById("big");
  const look = new MutationObserver(() => {
    if (big.dataset.does !== does) return;
    look.disconnect();
    if (key === "click") big.click();
    else document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
    window.pressedAt = performance.now();
  });
  look.observe(big, { attributes: true, attributeFilter: ["data-does"] });
  on();
})"""
"""By `page.evaluate(AT_ONCE, [does, key])` this key is pressed, or a "click", as soon as the button means `does`."""
