"""Words that left the server before one's own change, and come after it, take nothing back."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.support.desk_data import call, fill
from tests.support.late import Late

pytestmark = pytest.mark.browser
READY = "() => 'htmx-internal-data' in document.getElementById('details')"
FETCH = "() => window.htmx.trigger(document.getElementById('details'), 'moved')"


@pytest.fixture(scope="module")
def takes(product: Any) -> list[str]:
    return fill(product, "stale", 3, 20)


def test_a_trim_is_not_taken_back_by_what_was_so_before(visit: Any, takes: list[str]) -> None:
    page = visit(f"/episodes/{takes[0]}/?list=all&frame=3")
    expect(page.locator("#at-frame")).to_have_text("3")
    words = Late(page, f"**/episodes/{takes[0]}/?*")
    page.wait_for_function(READY)
    words.wait(FETCH)
    page.keyboard.press("[")
    expect(page.locator(".toast")).to_contain_text("Keeps frames 3–19.")
    words.come()
    for key in ("End", "ArrowLeft", "ArrowLeft"):
        page.keyboard.press(key)
    expect(page.locator("#at-frame")).to_have_text("17")
    page.keyboard.press("]")
    expect(page.locator(".toast").last).to_contain_text("Keeps frames 3–17.")
    words.end()
    expect(page.locator("#details")).to_have_attribute("data-trim", "3,18")
    assert call(page, "GET", f"/api/episodes/{takes[0]}")["trim"] == [3, 18]


def test_nor_a_label_while_it_is_still_on_its_way(visit: Any, takes: list[str]) -> None:
    page = visit("/about/")
    call(page, "PATCH", f"/api/episodes/{takes[2]}", {"labels": ["success", "failure"]})
    page.goto(f"/episodes/{takes[1]}/?list=all")
    expect(page.locator("#frames")).to_have_text("19")
    words = Late(page, f"**/episodes/{takes[1]}/?*")
    page.wait_for_function(READY)
    words.wait(FETCH)
    change = Late(page, f"**/api/episodes/{takes[1]}")
    page.get_by_role("button", name="success", exact=True).click()
    change.wait()
    words.come()
    page.get_by_role("button", name="failure", exact=True).click()
    change.end()
    expect(page.locator(".toast", has_text="Labelled failure.")).to_be_visible()
    words.end()
    expect(page.locator("#edit-labels")).to_have_value("success, failure")
    assert call(page, "GET", f"/api/episodes/{takes[1]}")["labels"] == ["success", "failure"]
