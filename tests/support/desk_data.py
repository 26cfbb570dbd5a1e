"""Takes made by files, as a rig would have left them, found by the running product."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, Route

from tests.support.browser import Product
from tests.support.takes import make_take

ROOT = Path(__file__).resolve().parent.parent.parent
ENCODING = {"codec": "h264", "crf": 23, "g": 2, "preset": "ultrafast", "pix_fmt": "yuv420p"}


def call(page: Page, method: str, url: str, body: dict[str, Any] | None = None) -> Any:
    """The API, as the page itself asks it."""
    script = "async (asked) => (await import('/static/js/lib/api.js')).call(...asked)"
    return page.evaluate(script, [method, url, body or {}])


def until(ask: Callable[[], Any], wanted: Any, within_s: float = 60) -> None:
    """Wait until `ask()` gives what is wanted; fails with what it gave last."""
    deadline = time.monotonic() + within_s
    while (found := ask()) != wanted and time.monotonic() < deadline:
        time.sleep(0.05)
    assert found == wanted


def accept_rates(page: Page) -> None:
    """Takes that a rig recorded on a machine so busy that its loop was late are encoded all the same."""
    for take in call(page, "GET", "/api/episodes?limit=100")["items"]:
        call(page, "PATCH", f"/api/episodes/{take['id']}", {"labels": ["rate accepted"]})


class Held(list[Route]):
    """What a page asks for by a pattern, where `of` says so, and does not get before `let_go`."""

    def __init__(self, page: Page, pattern: str, of: Callable[[Route], bool] = lambda _: True) -> None:
        super().__init__()
        self.holds, self.of = True, of
        page.route(pattern, self.take)

    def take(self, route: Route) -> None:
        if self.holds and self.of(route):
            self.append(route)
        else:
            route.continue_()

    def let_go(self) -> None:
        self.holds = False  # first, else what is asked meanwhile is held for good
        while self:
            self.pop(0).continue_()


def until_held(page: Page, held: Sequence[Any], ask: str) -> None:
    """Let the page ask by this script until a route holds what it asked for.

    What is asked while another answer comes goes down with what that answer replaces.
    """
    deadline, again = time.monotonic() + 60, 0.0
    while not held:
        assert time.monotonic() < deadline, "it was not asked"
        if ask and time.monotonic() > again:
            page.evaluate(ask)
            again = time.monotonic() + 1
        page.wait_for_timeout(20)


def until_drawn(page: Page) -> None:
    """Wait until every camera shows a picture."""
    page.wait_for_function("""() => {
      const shown = [...document.querySelectorAll(".stage canvas")];
      const pixels = (canvas, { width, height } = canvas) => canvas.getContext("2d").getImageData(0, 0, width, height);
      return shown.length > 0 && shown.every((canvas) => canvas.width && pixels(canvas).data.some(Boolean));
    }""")


def fill(product: Product, slug: str, takes: int, ticks: int = 20) -> list[str]:
    """A dataset with so many takes; their ids, the oldest first. The n-th carries the number n in its pictures."""
    product.api.call("POST", "/api/datasets", {"title": slug, "encoding": ENCODING})
    ids = []
    for number in range(takes):
        task = "push the cube" if number % 2 else "lift the cube"
        folder = make_take(product.home / "spool", ticks, episode=number, dataset=slug, task=task, operator="olga")
        ids.append(folder.name)
    product.recover()
    return ids
