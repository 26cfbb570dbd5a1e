"""Who works by keys alone keeps the place: what comes again, closes or goes away leaves the focus where it was."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import quiet
from tests.support.desk_data import call, fill, until
from tests.support.questions import let_questions_stay

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def takes(product: Any) -> list[str]:
    return fill(product, "focus", 12, 20)


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.closest('.take')?.id.slice(5) ?? document.activeElement.id"))


def moved(page: Page, episode: str, **change: Any) -> None:
    """Something else changes it, and what shows it has come again."""
    version = page.locator(f'[id="take-{episode}"], #details').first.get_attribute("data-version")
    call(page, "PATCH", f"/api/episodes/{episode}", change)
    shown = page.locator(f'[id="take-{episode}"], #details').first
    expect(shown).not_to_have_attribute("data-version", str(version))


def test_a_card_that_is_fetched_again_stays_the_chosen_one(visit: Any, takes: list[str]) -> None:
    page = visit("/datasets/focus/?view=all&sort=oldest")
    for _ in range(3):
        page.keyboard.press("j")
    until(lambda: focused(page), takes[2])
    moved(page, takes[2], rating=3)
    until(lambda: focused(page), takes[2])
    page.keyboard.press("j")
    until(lambda: focused(page), takes[3])


def test_many_at_once_leave_the_place_in_the_list(visit: Any, takes: list[str]) -> None:
    page = visit("/datasets/focus/?view=all&sort=oldest")
    for key in "jjjxjx":
        page.keyboard.press(key)
    page.keyboard.press("k")
    expect(page.locator(".toast")).to_contain_text("2 takes kept.")
    expect(page.locator(f'[id="take-{takes[3]}"]')).to_have_class("take is-keep")
    page.keyboard.press("j")
    until(lambda: focused(page) in (takes[3], takes[4]), True)


def test_walking_up_hides_no_card_under_what_stays_in_sight(visit: Any, takes: list[str]) -> None:
    page = visit("/datasets/focus/?view=all&sort=oldest", height=500, reduced_motion="reduce")
    for _ in takes:
        page.keyboard.press("j")
    for _ in range(9):
        page.keyboard.press("b")
    until(lambda: focused(page), takes[2])
    top, bar = page.evaluate(
        "[document.activeElement.closest('.take'), document.querySelector('.wall-top')]"
        ".map((e, i) => e.getBoundingClientRect()[i ? 'bottom' : 'top'])"
    )
    assert top >= bar


@pytest.mark.parametrize("what", ["#rating-4", "#trim-first", "#edit-note"])
def test_a_button_beside_the_pictures_keeps_the_focus(visit: Any, takes: list[str], what: str) -> None:
    page = visit(f"/episodes/{takes[5]}/?list=all&frame=4")
    expect(page.locator("#at-frame")).to_have_text("4")
    page.locator(what).focus()
    if what != "#edit-note":
        page.keyboard.press("Enter")
        expect(page.locator(".toast")).to_be_visible()
    moved(page, takes[5], labels=["success", what[1:]])
    until(lambda: focused(page), what[1:])


def test_the_dialog_for_many_begins_with_its_first_field(visit: Any, takes: list[str]) -> None:
    page = visit("/datasets/focus/?view=all&sort=oldest")
    for key in "jxjx":
        page.keyboard.press(key)
    page.get_by_role("button", name="Task, labels").press("Enter")
    expect(page.get_by_label("Task", exact=True).and_(page.locator("dialog input"))).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Task, labels")).to_be_focused()
    expect(page.locator("[data-picked]")).to_have_text("2 selected")


def test_the_trash_counts_what_is_left_and_deletes_no_more_than_it_said(visit: Any, takes: list[str]) -> None:
    page = visit("/about/")
    call(page, "POST", "/api/trash/empty")  # of what other modules have left there
    for take in takes[8:11]:
        call(page, "PATCH", f"/api/episodes/{take}", {"verdict": "reject"})
    page.goto("/trash/")
    expect(page.locator("#trash-head .count")).to_have_text("3")
    page.get_by_role("button", name="Restore").first.press("Enter")
    expect(page.locator("#trash-head .count")).to_have_text("2")
    expect(page.get_by_role("button", name="Restore").first).to_be_focused()
    quiet(page, 1.0)  # what the restored one moved is heard of
    page.route("**/trash/", lambda route: route.abort())  # what moves meanwhile is not heard of
    call(page, "PATCH", f"/api/episodes/{takes[11]}", {"verdict": "reject"})
    let_questions_stay(page)
    page.locator("#empty-all").click()
    page.locator("#empty-all").click()
    expect(page.locator(".toast.is-bad").last).to_contain_text("nothing was deleted")
    visit.forgive("409", "ERR_FAILED", "htmx:sendError", "htmx:afterRequest")
    page.unroute("**/trash/")
    page.reload()
    expect(page.locator("#trash-head .count")).to_have_text("3")
    for left in (2, 1, 0):
        page.get_by_role("button", name="Restore").first.press("Enter")
        expect(page.get_by_role("button", name="Restore")).to_have_count(left)
    expect(page.get_by_text("The trash is empty")).to_be_visible()
