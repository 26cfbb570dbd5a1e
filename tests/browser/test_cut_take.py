"""Frames cut out of the middle of a take in the player: two takes, and one press back."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.support.browser import quiet
from tests.support.desk_data import call, fill, until

pytestmark = pytest.mark.browser
TICKS = 12


def test_a_take_becomes_two_and_one_again(visit: Any, product: Any) -> None:
    (take,) = fill(product, "scissors", 1, TICKS)
    page = visit(f"/episodes/{take}/?list=review")
    expect(page.locator("#frames")).to_have_text(str(TICKS - 1))
    quiet(page)
    page.get_by_role("button", name="Cut out …").click()
    sheet = page.locator("#cut-take-sheet")
    first, last = sheet.get_by_label("From frame"), sheet.get_by_label("To frame")
    cut = sheet.get_by_role("button", name="Cut out", exact=True)
    for wrong in (("0", "6"), ("4", "11"), ("6", "4"), ("", "6")):
        first.fill(wrong[0])
        last.fill(wrong[1])
        expect(sheet.locator("[data-preview]")).to_contain_text("from 1 up to 10")
        expect(cut).to_be_disabled()
    first.fill("4")
    last.fill("6")
    expect(sheet.locator("[data-preview]")).to_contain_text("keeps frames 0–3; a new take has frames 7–11. 3 frames")
    cut.click()
    toast = page.locator(".toast", has_text="The rest is take #2")
    expect(toast).to_be_visible()
    expect(sheet).to_be_hidden()
    expect(page.locator("#details")).to_have_attribute("data-trim", ",4")
    takes = call(page, "GET", "/api/episodes?dataset=scissors")["items"]
    second = next(each["id"] for each in takes if each["id"] != take)
    assert call(page, "GET", f"/api/episodes/{second}")["trim"] == [7, TICKS]
    toast.get_by_role("button", name="Undo").click()
    until(lambda: call(page, "GET", f"/api/episodes/{take}")["trim"], None)
    assert call(page, "GET", f"/api/episodes/{second}")["verdict"] == "reject"
    page.goto(f"/episodes/{second}/")
    expect(page.locator("#frames")).to_have_text(str(TICKS - 1))
