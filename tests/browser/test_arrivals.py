"""New takes appear on the wall while one looks; others that move somewhere down the list do not."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Route, expect

from robotdata.quality.stored import METRICS_FILE
from tests.support.browser import heard, quiet
from tests.support.desk_data import call, fill, until, until_held
from tests.support.takes import make_take

pytestmark = pytest.mark.browser


def test_only_a_new_take_comes_to_the_top_and_only_once(visit: Any, crowd: list[str], product: Any) -> None:
    page = visit("/datasets/crowd/", width=1024, height=500)
    cards = page.locator("#cards .take")
    expect(cards.first).to_have_id(f"take-{crowd[-1]}")
    quiet(page)  # the next cards are fetched ahead
    had = cards.count()
    assert had < len(crowd)
    for change in ({"rating": 2}, {"verdict": "reject"}, {"verdict": "unreviewed"}):
        with heard(page, crowd[0]):
            call(page, "PATCH", f"/api/episodes/{crowd[0]}", change)  # far down, not loaded
        assert cards.count() == had
        expect(cards.first).to_have_id(f"take-{crowd[-1]}")
    new = make_take(product.home / "spool", 6, episode=71, dataset="crowd", task="new").name
    product.recover()
    expect(cards.first).to_have_id(f"take-{new}")
    until((product.home / "spool" / new / METRICS_FILE).exists, True)  # it has moved for that
    call(page, "PATCH", f"/api/episodes/{new}", {"rating": 3})  # what comes of it comes after the measurement
    expect(page.locator(f'[id="take-{new}"]')).to_contain_text("3 of 5")
    quiet(page, 1.0)
    assert page.locator(f'[id="take-{new}"]').count() == 1
    assert cards.count() == had + 1
    call(page, "PATCH", f"/api/episodes/{new}", {"verdict": "reject"})  # the crowd is again what it was


def test_takes_that_come_together_come_all(visit: Any, product: Any) -> None:
    takes = fill(product, "together", 6, 4)
    product.api.call("POST", "/api/episodes/verdict", {"episodes": takes[1:5], "verdict": "reject"})
    page = visit("/datasets/together/?view=review&sort=newest")
    cards = page.locator("#cards .take")
    expect(cards).to_have_count(2)
    page.keyboard.press("z")
    expect(cards).to_have_count(6)
    ids = "(cards) => cards.map((card) => card.id)"
    assert cards.evaluate_all(ids) == [f"take-{take}" for take in reversed(takes)], "each in its place"


def test_a_take_comes_though_its_card_failed_at_first(visit: Any, product: Any) -> None:
    """A server that failed is asked again; what was refused comes when the take moves again."""
    fill(product, "busy", 1, 4)
    page = visit("/datasets/busy/?view=review")
    visit.forgive("status of 500", "status of 404", "Error Code")  # the browser and htmx write down each
    cards = page.locator("#cards .take")
    expect(cards).to_have_count(1)
    new = make_take(product.home / "spool", 6, episode=2, dataset="busy", task="new").name
    codes, refused = [500, 404], []

    def answer(route: Route) -> None:
        if not codes:
            return route.continue_()
        refused.append(codes.pop(0))
        return route.fulfill(status=refused[-1], body="busy")

    page.route(f"**/episodes/{new}/card/?*", answer)
    product.recover()
    until_held(page, refused, "")
    page.wait_for_function("() => !document.querySelector('[data-coming]')")
    assert refused == [500, 404]
    call(page, "PATCH", f"/api/episodes/{new}", {"rating": 3})
    expect(cards).to_have_count(2)
    expect(page.locator(f'[id="take-{new}"]')).to_be_visible()
