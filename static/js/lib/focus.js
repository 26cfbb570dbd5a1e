// The keyboard stays where it is while the piece of the page around it is fetched again. htmx keeps the focus of what has
// an id; a link or a button without one is found by what it does.
const doesOf = (element) => [element.tagName, ...["href", "name", "data-call", "aria-label"].map((name) => element.getAttribute(name)), element.matches("a, button, summary") ? element.textContent.trim() : ""].join("\n");
let before = null; // of the swap that comes next: what had the focus, and in which piece of the page

export function keepFocus() {
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    const focused = document.activeElement;
    const isInside = detail.shouldSwap && focused && !focused.id && focused !== detail.target && detail.target.contains(focused);
    before = isInside ? { does: doesOf(focused), tag: focused.tagName } : null;
  });
  document.addEventListener("htmx:afterSwap", ({ target }) => {
    if (!before || document.activeElement !== document.body) return;
    const { does, tag } = before;
    before = null;
    [...(target?.querySelectorAll?.(tag) ?? [])].find((each) => doesOf(each) === does)?.focus({ preventScroll: true });
  });
}
