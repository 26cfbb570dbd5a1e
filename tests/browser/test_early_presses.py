"""What is pressed or typed while the page's own scripts still load is done once, later, in the order of the presses."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.support.desk_data import call, fill, until, until_held

pytestmark = pytest.mark.browser
# The words of the second press stay for a few seconds: a busy machine would come too late for them.
COUNT_ARMED = """() => {
  window.armed = 0;
  const seen = (changes) => changes.forEach(({ target }) => (window.armed += "armed" in target.dataset ? 1 : 0));
  new MutationObserver(seen).observe(document, { subtree: true, attributes: true, attributeFilter: ["data-armed"] });
}"""

DANGEROUS = """() => document.querySelector("h1").insertAdjacentHTML("afterend",
  '<button id="all" data-call="POST /api/trash/empty" data-twice="Delete permanently?">Delete</button>')"""


def shared_scripts(page: Page) -> None:
    """Wait until what every page has listens to presses."""
    page.evaluate("import(document.querySelector('script[src*=\"js/base\"]').src).then(() => true)")


def test_presses_on_a_take_are_done_in_order_and_space_on_a_button_is_one_act(visit: Any, product: Any) -> None:
    ids = fill(product, "early-order", 4, 8)
    page = visit("about:blank", alone=True)
    held: list[Route] = []
    page.route("**/js/player/page.js", lambda route: held.append(route))
    page.goto(f"/episodes/{ids[0]}/?list=review&sort=oldest", wait_until="commit")
    page.locator("#toasts").wait_for(state="attached")
    until_held(page, held, "")
    shared_scripts(page)
    page.locator("#details [data-judge=reject]").click()
    page.keyboard.press("k")
    page.locator("#loop").focus()
    page.keyboard.press("Space")
    held[0].continue_()
    expect(page.locator("#loop")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#play")).not_to_have_attribute("data-playing", "yes")
    expect(page.locator("#details")).to_have_attribute("data-episode", ids[2])

    def verdicts() -> list[str]:
        return [call(page, "GET", f"/api/episodes/{one}")["verdict"] for one in ids]

    until(verdicts, ["reject", "keep", "unreviewed", "unreviewed"])


def test_one_press_confirms_nothing_and_takes_back_one_change(visit: Any, product: Any) -> None:
    page = visit("about:blank", alone=True)
    ids = fill(product, "early-undone", 2, 4)
    for verdict in ("keep", "reject"):
        for one in ids:
            product.api.call("PATCH", f"/api/episodes/{one}", {"verdict": verdict})
    sent: list[str] = []
    page.on("request", lambda request: request.method == "POST" and sent.append(request.url))
    held: list[Route] = []

    page.route("**/js/add_dataset.js", lambda route: held.append(route))
    page.add_init_script(f"({COUNT_ARMED})()")
    page.goto("/datasets/", wait_until="commit")
    page.locator("#toasts").wait_for(state="attached")
    until_held(page, held, "")
    shared_scripts(page)
    page.evaluate(DANGEROUS)
    page.locator("#all").click()
    page.locator("#all").click()  # of an impatient hand, that has read no question
    page.locator("h1").first.click()
    page.keyboard.press("z")
    held[0].continue_()
    page.wait_for_function("() => window.armed > 0")
    until(lambda: [call(page, "GET", f"/api/episodes/{one}")["verdict"] for one in ids], ["reject", "keep"])
    assert page.evaluate("window.armed") == 1
    assert [url for url in sent if "/trash/" in url] == []
    assert len([url for url in sent if url.endswith("/api/undo")]) == 1


def without_script(page: Page, script: str, path: str) -> Route:
    """Go to the page, of which one script is still on its way."""
    held: list[Route] = []
    page.route(script, lambda route: held.append(route))
    page.goto(path, wait_until="commit")
    page.locator("#toasts").wait_for(state="attached")
    until_held(page, held, "")
    return held[0]


def test_what_is_typed_picked_and_chosen_early_is_heard(visit: Any, product: Any) -> None:
    ids = fill(product, "early-typed", 4, 8)
    page = visit("about:blank", alone=True)
    script = without_script(page, "**/js/base.js", "/datasets/early-typed/?view=review&sort=oldest")
    page.locator(f"[data-pick='{ids[1]}']").click()
    script.continue_()
    expect(page.locator("[data-picked]")).to_have_text("1 selected")

    script = without_script(page, "**/js/base.js", "/datasets/early-typed/?view=review&sort=newest")
    page.locator("#filter-q").press_sequentially("lift the")
    script.continue_()
    expect(page.locator("#wall-count")).to_have_text("2")
    page.unroute_all()

    script = without_script(page, "**/js/player/page.js", f"/episodes/{ids[0]}/?list=review&sort=oldest")
    page.locator("#edit-note").press_sequentially("seen early")
    page.locator("#edit-note").blur()
    page.locator("#advance").uncheck()
    page.locator("#advance").blur()
    page.keyboard.press("k")
    script.continue_()
    expect(page.locator(".toast", has_text="kept.")).to_be_visible()
    expect(page.locator("#advance")).not_to_be_checked()
    expect(page.locator("#edit-note")).to_have_value("seen early")  # what is typed is not fetched away
    page.keyboard.press("j")  # it is left
    expect(page.locator("#details")).to_have_attribute("data-episode", ids[1])
    until(lambda: call(page, "GET", f"/api/episodes/{ids[0]}")["note"], "seen early")
