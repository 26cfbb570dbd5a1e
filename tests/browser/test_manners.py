"""How the pages behave: keys, refusals, narrow screens, a rig that goes away, a second tab."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.big_button import may_press
from tests.support.desk_data import fill

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def dataset(product: Any) -> str:
    """An empty one, which any rig fits."""
    fill(product, "manners", 0, 0)
    return "manners"


@pytest.fixture
def desk(visit: Any, dataset: str) -> Page:
    """The record page of a rig that is ready."""
    page = visit(f"/record/bench-1/?dataset={dataset}")
    expect(page.locator("#state")).to_have_text("ready")
    may_press(page, "record")  # the rig itself has said what may be pressed
    return page


def test_keys_and_what_they_do_on_the_record_page(desk: Page) -> None:
    it_says_what_is_missing_before_it_records(desk)
    it_types_a_space_into_a_field_and_records_nothing(desk)
    it_shows_the_keys_of_the_page(desk)
    it_cancels_a_countdown(desk)


def it_says_what_is_missing_before_it_records(desk: Page) -> None:
    desk.fill("[name=task]", "")
    desk.locator("[name=task]").blur()
    desk.keyboard.press("Space")
    expect(desk.locator("#refusal")).to_contain_text("Enter a task first")
    expect(desk.locator("[name=task]")).to_be_focused()
    expect(desk.locator("#state")).to_have_text("ready")


def it_types_a_space_into_a_field_and_records_nothing(desk: Page) -> None:
    desk.locator("[name=task]").fill("")
    desk.keyboard.type("pick up r p")
    desk.keyboard.press("Space")
    assert desk.input_value("[name=task]") == "pick up r p "
    expect(desk.locator("#state")).to_have_text("ready")
    desk.locator("[name=task]").blur()


def it_shows_the_keys_of_the_page(desk: Page) -> None:
    desk.keyboard.press("?")
    expect(desk.locator("#keys")).to_contain_text("Discard this take, or the one just ended, and record it again")
    desk.keyboard.press("Space")
    desk.keyboard.press("Escape")
    expect(desk.locator("#keys")).to_be_hidden()
    expect(desk.locator("#state")).to_have_text("ready")


def it_cancels_a_countdown(desk: Page) -> None:
    fill_in(desk, countdown="60")
    desk.keyboard.press("Space")
    expect(desk.locator("#countdown")).to_be_visible()
    expect(desk.locator("#countdown b")).to_have_text(re.compile(r"\d+"))
    expect(desk.locator("#big")).to_contain_text("Cancel")
    desk.keyboard.press("Escape")
    expect(desk.locator("#state")).to_have_text("ready")
    expect(desk.locator("#countdown")).to_be_hidden()


def test_it_shows_a_recording_in_every_tab_and_discards_it(desk: Page, visit: Any) -> None:
    other = visit("/record/bench-1/")
    fill_in(desk, countdown="0")
    desk.keyboard.press("Space")
    expect(other.locator("#state")).to_have_text("recording")
    expect(other.locator("#big")).to_contain_text("Stop and save")
    other.get_by_role("button", name="Discard", exact=True).click()
    expect(desk.locator("#state")).to_have_text("ready")
    expect(desk.locator("#session .chip.tone-bad").first).to_have_text("rejected")


def test_it_remembers_the_theme(visit: Any) -> None:
    page = visit("/", color_scheme="dark")
    page.locator("[data-theme-toggle]").click()
    page.reload()
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"


def test_it_asks_a_stranger_to_sign_in(visit: Any) -> None:
    page = visit("/trash/", storage_state=None)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert "next=/trash/" in page.url


def fill_in(desk: Page, *, countdown: str) -> None:
    desk.fill("[name=task]", "Wave")
    desk.fill("[name=countdown_s]", countdown)
    desk.keyboard.press("Enter")
