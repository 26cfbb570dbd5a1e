"""What moves explains, and nothing moves where the system asks for less motion."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.desk_data import fill, until_drawn

pytestmark = pytest.mark.browser
WATCH = """() => {
  window.moved = [];
  document.addEventListener("animationstart", (event) => window.moved.push(event.animationName), true);
  document.addEventListener("transitionrun", (event) => window.moved.push(event.propertyName), true);
}"""


@pytest.fixture(scope="module")
def takes(product: Any) -> list[str]:
    return fill(product, "motion", 4, 4)


def reject(page: Page, take: str) -> None:
    card = page.locator(f"#take-{take}")
    card.get_by_role("button", name="Reject").click()
    expect(page.locator("#toasts").get_by_text("is in the trash")).to_be_visible()


def test_a_rejected_card_flies_to_the_trash_unless_less_motion_is_wanted(visit: Any, takes: list[str]) -> None:
    page = visit("/datasets/motion/?view=review")
    page.evaluate(WATCH)
    reject(page, takes[0])
    page.wait_for_function("() => window.moved.includes('to-trash')")
    expect(page.locator(".to-trash")).to_have_count(0)

    page.emulate_media(reduced_motion="reduce")
    page.reload()
    page.evaluate(WATCH)
    reject(page, takes[1])
    assert page.evaluate("document.getAnimations({ subtree: true }).length") == 0
    assert page.evaluate("window.moved") == []


def test_what_is_rejected_in_the_player_flies_too(visit: Any, takes: list[str]) -> None:
    page = visit(f"/episodes/{takes[2]}/?list=review&sort=oldest")
    page.evaluate(WATCH)
    until_drawn(page)
    page.keyboard.press("r")
    page.wait_for_function("() => window.moved.includes('to-trash')")
    expect(page.locator(".to-trash")).to_have_count(0)

    page.emulate_media(reduced_motion="reduce")
    expect(page.locator("#details")).to_have_attribute("data-episode", takes[3])
    name = page.locator("#details").get_attribute("data-name")
    until_drawn(page)
    page.evaluate("window.moved = []")
    page.keyboard.press("r")
    expect(page.locator("#toasts").get_by_text(f"{name} rejected.")).to_be_visible()
    assert "to-trash" not in page.evaluate("window.moved")
