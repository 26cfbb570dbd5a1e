"""What is wrong with a page for somebody who uses it: axe, sideways scrolling, targets too small for a finger."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

AXE = Path(__file__).resolve().parents[1] / "browser/vendor/axe-4.10.3.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
TOUCH = 48
"""The least height in pixels of what a finger presses (docs/interface.md)."""

# A box of a label counts for what it names; links in running text are read, not aimed at.
SMALL = """(least) => {
  const asked = "button, summary, select, .button, .tabs a, .nav a, .menu a, "
    + "input:not([type=hidden], [type=range], [type=file]), textarea";
  const shown = (one) => one.checkVisibility({ visibilityProperty: true, opacityProperty: true })
    && one.getBoundingClientRect().width > 1;
  const named = (one) => one.matches("[type=checkbox], [type=radio]") ? one.labels : [];
  const boxes = (one) => [one, one.closest("label"), ...named(one)].filter(Boolean);
  return [...document.querySelectorAll(asked)].filter((one) => shown(one) && !one.closest(".visually-hidden"))
    .filter((one) => Math.max(...boxes(one).map((box) => box.getBoundingClientRect().height)) < least - 0.5)
    .map((one) => `${Math.round(one.getBoundingClientRect().height)} px: ${one.tagName.toLowerCase()}`
      + `${one.id && `#${one.id}`}.${one.className} ${(one.ariaLabel || one.textContent).trim().slice(0, 30)}`);
}"""


def axe_violations(page: Page) -> list[str]:
    """Return what axe finds, a line for each rule with the first places."""
    page.evaluate(AXE.read_text())
    # Pictures of the scene lie behind some words: axe cannot see their contrast, and says so by itself.
    report = page.evaluate("(asked) => axe.run(document, asked)", {"runOnly": RULES, "resultTypes": ["violations"]})
    found = []
    for each in report["violations"]:
        where = [(node["target"], node["html"][:120]) for node in each["nodes"][:3]]
        found.append(f"{each['id']}: {each['help']}: {where}")
    return found


def sideways_px(page: Page) -> int:
    """Return by how much the page is wider than its window; 0 or less where it fits."""
    # A phone's window grows with what does not fit, so the width that was asked for counts.
    width = page.viewport_size["width"] if page.viewport_size else 0
    return int(page.evaluate("document.documentElement.scrollWidth")) - width


def small_targets(page: Page) -> list[str]:
    """Return what is lower than a finger needs, as `36 px: button#id.class words`; asks for a coarse pointer."""
    assert page.evaluate("matchMedia('(pointer: coarse)').matches"), "the page has no coarse pointer"
    return list(page.evaluate(SMALL, TOUCH))


# A part of the page that is fetched again meanwhile is new, and says the same: it is known by what it says.
WALK = """() => {
  const asked = "a[href], button, summary, select, textarea, input:not([type=hidden]), [tabindex='0']";
  // The words on a live camera say how old its picture is: its name is that of the camera.
  const words = (one) => one.ariaLabel || (one.querySelector(":scope.camera .name b") ?? one).textContent;
  const named = (one) => `${one.tagName.toLowerCase()}#${one.id}.${one.className?.baseVal ?? one.className}`
    + ` ${one.getAttribute("href") ?? one.name ?? ""} ${words(one).trim().slice(0, 30)}`;
  const later = (one) => one.type === "radio" && !one.checked;
  const shown = (one) => one.checkVisibility({ visibilityProperty: true }) && !one.closest("[inert]");
  window.reach = () => [...document.querySelectorAll(asked)]
    .filter((one) => shown(one) && one.tabIndex >= 0 && !one.disabled && !later(one)).map(named);
  // These draw the focus on a part of themselves that a page cannot ask for.
  const own = ".trim input, .chart a, canvas";
  const outlined = (one) => { const { outlineStyle, outlineWidth } = getComputedStyle(one);
    return outlineStyle !== "none" && parseFloat(outlineWidth) >= 1; };
  window.here = () => {
    const one = document.activeElement;
    if (!one || one === document.body) return null;
    const marked = one.matches(own) || outlined(one) || (one.parentElement && outlined(one.parentElement));
    return [named(one), marked];
  };
}"""
MOST_STEPS = 400
FROM_THE_TOP = """() => {
  document.body.tabIndex = -1;
  document.body.focus();
  document.body.removeAttribute("tabindex");
}"""
"""The next Tab leads to the first of all, also on a page that gives the focus to a field."""


def out_of_reach(page: Page) -> list[str]:
    """Walk the page by Tab; return what it does not reach, and what does not show that it has the focus."""
    page.evaluate(WALK)
    page.evaluate(FROM_THE_TOP)
    wanted: set[str] = set(page.evaluate("reach()"))
    walked: set[str] = set()
    unmarked: list[str] = []
    went_out = False
    for _ in range(MOST_STEPS):
        page.keyboard.press("Tab")
        here = page.evaluate("here()")
        if here is None:
            if went_out:
                break
            went_out = True  # not yet at the end, perhaps: what had the focus may have gone with a piece of the page
            continue
        name, is_marked = here
        if not is_marked and name not in walked:
            unmarked.append(f"no visible focus: {name}")
        walked.add(name)
        if wanted <= walked:
            break
    # What has come, gone or changed its words since is no fault.
    missed = wanted & set(page.evaluate("reach()")) - walked
    return [f"not reached: {name}" for name in sorted(missed)] + unmarked
