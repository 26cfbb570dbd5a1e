"""Where something of a page is, whatever the page fetches again meanwhile: what stands in its place then is asked."""

from __future__ import annotations

import time
from collections.abc import Callable

from playwright.sync_api import FloatRect, Locator, expect

WITHIN_S = 60
ONCE_MS = 3000
# Where it is once it has not moved for two frames; null where it is not in the page, or has left it meanwhile.
AT_REST = """async (one) => {
  const drawn = () => new Promise((on) => requestAnimationFrame(() => on(one.getBoundingClientRect())));
  const before = await drawn();
  await drawn();
  const now = await drawn();
  const same = ["x", "y", "width", "height"].every((side) => before[side] === now[side]);
  return one.isConnected && same && now.width > 0 ? now.toJSON() : null;
}"""


def box_of(locator: Locator) -> FloatRect:
    """Its place and size in the window once it rests; fails where it never does."""
    deadline = time.monotonic() + WITHIN_S
    while True:
        box = locator.evaluate(AT_REST)
        if box is not None:
            return FloatRect(x=box["x"], y=box["y"], width=box["width"], height=box["height"])
        assert time.monotonic() < deadline, f"it does not rest: {locator}"


def into_sight(locator: Locator) -> None:
    """Scroll it to the middle of the window, once more where the page has put another in its place meanwhile."""
    deadline = time.monotonic() + WITHIN_S
    while True:
        locator.evaluate("(one) => one.scrollIntoView({ block: 'center', behavior: 'instant' })")
        try:
            expect(locator).to_be_in_viewport(timeout=2000)
        except AssertionError:
            assert time.monotonic() < deadline, f"it does not come into sight: {locator}"
        else:
            return


def while_in_sight(locator: Locator, happens: Callable[[float], None]) -> None:
    """Keep it in sight until something happens there: what the page draws above it meanwhile pushes it away again.

    `happens(timeout)` expects it within so many ms.
    """
    deadline = time.monotonic() + WITHIN_S
    while True:
        into_sight(locator)
        try:
            happens(ONCE_MS)
        except AssertionError:
            if time.monotonic() > deadline:
                raise
        else:
            return


def pictured(card: Locator, picture: Locator, width: int) -> None:
    """Wait until a camera's card, whose picture is fetched where it is in sight, shows one of so many pixels."""
    while_in_sight(card, lambda timeout: expect(picture).to_have_js_property("naturalWidth", width, timeout=timeout))
