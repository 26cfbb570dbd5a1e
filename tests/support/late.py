"""Hold back answers of the server until a test lets them through."""

from __future__ import annotations

from playwright.sync_api import APIResponse, Page, Route

from tests.support.browser import until_ended
from tests.support.desk_data import until_held

# htmx has put into the page what came, and the page has heard of it.
SHOWN = """async () => {
  do await new Promise((on) => setTimeout(on, 50));
  while (document.querySelector(".htmx-swapping, .htmx-settling, .htmx-added"));
}"""


class Late:
    """Answers to `url` that left the server as it was then, and wait here until they are let through."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.held: list[tuple[Route, APIResponse]] = []
        self.holding = True
        page.route(url, self.hold)

    def hold(self, route: Route) -> None:
        if not self.holding:
            return route.continue_()
        response = route.fetch()
        if self.holding:
            return self.held.append((route, response))
        # `end` ran while the answer was on its way: nobody would let it through any more.
        return route.fulfill(response=response)

    def wait(self, ask: str = "") -> None:
        until_held(self.page, self.held, ask)

    def come(self) -> None:
        """The oldest that waits."""
        route, response = self.held.pop(0)
        route.fulfill(response=response)
        until_ended(self.page, route.request)
        self.page.evaluate(SHOWN)

    def end(self) -> None:
        self.holding = False
        while self.held:
            self.come()
