"""Short words at the bottom of the page: they stay while somebody reads them, and not for ever."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
HOUR_S = 3600
SAY = "async ([words, undo]) => (await import('/static/js/lib/toast.js')).toast(words, { undo })"


def test_words_stay_while_they_are_pointed_at_and_go_with_their_undo_in_the_end(visit: Any, product: Any) -> None:
    page = visit("about:blank", alone=True)
    page.clock.install(time=0)
    page.goto("/datasets/")
    page.clock.pause_at(HOUR_S)  # only the test lets time pass: on a busy machine words would go while it looks
    toasts = page.locator(".toast")
    page.evaluate(SAY, ["number 0", False])
    toasts.first.get_by_role("button", name="Close").focus()
    for number in range(1, 6):
        page.evaluate(SAY, [f"number {number}", False])
    said = [f"number {number}" for number in (0, 3, 4, 5)]
    assert [words.split("\n")[0] for words in toasts.all_inner_texts()] == said

    toasts.first.get_by_role("button", name="Close").click()
    page.clock.run_for(8000)
    expect(toasts).to_have_count(0)
    page.evaluate(SAY, ["parked", True])
    toasts.locator("p").hover()
    page.clock.run_for(8000)
    expect(toasts).to_have_count(1)
    page.clock.run_for(40_000)
    expect(toasts).to_have_count(0)
