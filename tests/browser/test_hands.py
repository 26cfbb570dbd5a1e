"""What a key opened is closed by a key, and the focus comes back."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import quiet
from tests.support.desk_data import fill

pytestmark = pytest.mark.browser


def test_escape_closes_what_a_key_opened_and_gives_the_focus_back(visit: Any, product: Any) -> None:
    fill(product, "hands", 1, 12)
    page = visit("about:blank")
    opened = 0
    for path in ("/datasets/", "/help/", "/datasets/hands/settings/"):
        page.goto(path)
        quiet(page)
        for opener in page.locator("[data-open]:visible:enabled").all():
            closes(page, opener, page.locator("dialog[open]"))
            opened += 1
    assert opened >= 2
    closes(page, page.locator("#menu-button"), page.locator("#menu"))


def closes(page: Page, opener: Any, what: Any) -> None:
    opener.press("Enter")
    expect(what).to_be_visible()
    page.keyboard.press("Escape")
    expect(what).to_be_hidden()
    expect(opener).to_be_focused()
