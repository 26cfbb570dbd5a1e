"""The record page when it refuses: nothing lies on the emergency stop, on Record, or on the field to be filled."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.desk_data import fill
from tests.support.whole import until

pytestmark = pytest.mark.browser
SLUG = "other-features"
IS_ON_TOP = """element => {
  const box = element.getBoundingClientRect();
  return element.contains(document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2));
}"""
PHONE = {"width": 390, "height": 844, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def other_features(product: Any) -> str:
    """The address of the rig's page with a dataset that it does not match."""
    fill(product, SLUG, 1, 4)
    return f"/record/bench-1/?dataset={SLUG}"


def press(page: Page) -> None:
    page.locator('#big[data-does="record"]:enabled').wait_for()
    page.locator("#big").click()
    page.locator("#refusal").wait_for()


@pytest.mark.parametrize("size", [PHONE, {"width": 1440, "height": 900}])
def test_a_long_refusal_covers_neither_emergency_stop_nor_record(
    visit: Any, other_features: str, size: dict[str, Any]
) -> None:
    visit.forgive("409")
    page = visit(other_features, **size)
    page.locator("[name=task]").fill("push")
    press(page)
    expect(page.locator("#differences tr")).not_to_have_count(0)
    page.locator("#refusal-close").scroll_into_view_if_needed()
    for name in (".estop-button", "#big"):
        assert page.locator(name).evaluate(IS_ON_TOP), name


def test_the_field_that_is_missing_is_seen_on_a_phone(visit: Any, other_features: str) -> None:
    page = visit(other_features, **PHONE)
    page.locator("[name=task]").fill("")
    page.locator("[name=task]").blur()
    press(page)
    expect(page.locator("[name=task]")).to_be_focused()
    until(lambda: page.locator("[name=task]").evaluate(IS_ON_TOP))
