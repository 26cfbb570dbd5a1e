"""New takes appear on the wall while one looks; others that move somewhere down the list do not."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from recorder.quality.assess import METRICS_FILE
from tests.support.browser import heard, quiet
from tests.support.desk_data import call, filled, until
from tests.support.takes import make_take

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def takes(chromium: Any, product: Any, signed_in: Any) -> list[str]:
    return filled(chromium, product, signed_in, "arrivals", 60, 6)


def test_only_a_new_take_comes_to_the_top_and_only_once(visit: Any, takes: list[str], product: Any) -> None:
    page = visit("/datasets/arrivals/", width=1024, height=500)
    cards = page.locator("#cards .take")
    expect(cards.first).to_have_id(f"take-{takes[-1]}")
    had = cards.count()
    assert had < len(takes)
    for change in ({"rating": 2}, {"verdict": "reject"}, {"verdict": "unreviewed"}):
        with heard(page, takes[0]):
            call(page, "PATCH", f"/api/episodes/{takes[0]}", change)  # far down, not loaded
        assert cards.count() == had
        expect(cards.first).to_have_id(f"take-{takes[-1]}")
    new = make_take(product.home / "spool", 6, episode=61, dataset="arrivals", task="new").name
    product.recover()
    expect(cards.first).to_have_id(f"take-{new}")
    until((product.home / "spool" / new / METRICS_FILE).exists, True)  # it has moved for that
    call(page, "PATCH", f"/api/episodes/{new}", {"rating": 3})  # what comes of it comes after the measurement
    expect(page.locator(f'[id="take-{new}"]')).to_contain_text("3 of 5")
    quiet(page, 1.0)
    assert page.locator(f'[id="take-{new}"]').count() == 1
    assert cards.count() == had + 1
