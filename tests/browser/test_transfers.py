"""Selected episodes copied to a new dataset from the wall, taken back from the toast; a dataset split on its page."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import quiet
from tests.support.committing import commit, shown
from tests.support.desk_data import call, fill, until
from tests.support.looking import look

pytestmark = pytest.mark.browser
TICKS = 8


def titles(page: Page) -> list[str]:
    return [each["title"] for each in call(page, "GET", "/api/datasets?limit=500")["items"]]


def test_it_copies_takes_back_and_splits(visit: Any, product: Any) -> None:
    page = visit("about:blank")
    ids = fill(product, "towels", 4, TICKS)
    commit(product, "towels", ids)
    until(lambda: product.api.call("GET", "/api/datasets/towels")["total_episodes"], 4, within_s=90)
    whole = shown(product.home / "datasets" / "towels")
    page.goto("/datasets/towels/?view=committed&sort=oldest")
    quiet(page)
    for pk in (ids[1], ids[3]):
        page.locator(f'[data-pick="{pk}"]').check()
    look(page, "selected")
    page.get_by_role("button", name="Copy or move …").click()
    sheet = page.locator("#copy-sheet")
    expect(sheet.get_by_role("heading")).to_have_text("Copy or move 2 episodes")
    sheet.get_by_label("Its name").fill("Best towels")
    expect(sheet.locator("[data-preview]")).to_contain_text(f"2 episodes · {2 * TICKS} frames")
    expect(sheet.get_by_role("button", name="Copy", exact=True)).to_be_enabled()
    look(page, "copy")
    sheet.get_by_role("button", name="Copy", exact=True).click()
    toast = page.locator(".toast", has_text="Copied.")
    toast.hover()  # it stays
    expect(toast.get_by_role("link", name="Best towels")).to_have_attribute("href", "/datasets/best-towels/")
    assert shown(product.home / "datasets" / "best-towels") == [whole[1], whole[3]]
    toast.get_by_role("button", name="Undo").click()
    until(lambda: "Best towels" in titles(page), False, within_s=90)
    assert shown(product.home / "datasets" / "towels") == whole

    page.goto("/datasets/towels/edit/")
    quiet(page)
    page.get_by_role("button", name="Split …").click()
    sheet = page.locator("#split-sheet")
    expect(sheet.locator("[data-preview]")).to_contain_text(re.compile(r"train: 3 episodes.*validation: 1 episode"))
    look(page, "split")
    sheet.get_by_role("button", name="Split", exact=True).click()
    expect(page.locator(".toast", has_text="Split.")).to_be_visible()
    names = [f"{call(page, 'GET', '/api/datasets/towels')['title']} {part}" for part in ("train", "validation")]
    assert set(names) <= set(titles(page))

    page.get_by_role("button", name="Merge with …").click()
    sheet = page.locator("#merge-sheet")
    for name in names:
        sheet.get_by_label(re.compile(f"^{re.escape(name)} ·")).check()
    expect(sheet.locator("[data-preview]")).to_contain_text("8 episodes")
    look(page, "merge")
    page.keyboard.press("Escape")
    look(page, "dataset")
    page.goto("/operations/")
    look(page, "operations")
