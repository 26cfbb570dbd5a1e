"""What is typed into the form beside the pictures stays, and is saved, whatever moves meanwhile."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.support.browser import heard, quiet
from tests.support.desk_data import Held, call, fill, until, until_held

pytestmark = pytest.mark.browser
TICKS = 10


@pytest.fixture(scope="module")
def takes(product: Any) -> list[str]:
    return fill(product, "notes", 4, TICKS)


def opened(visit: Any, take: str) -> Page:
    page = visit(f"/episodes/{take}/?list=review&sort=oldest")
    expect(page.locator("#frames")).to_have_text(str(TICKS - 1))
    quiet(page)
    return page


def note_of(page: Page, take: str) -> str:
    return str(call(page, "GET", f"/api/episodes/{take}")["note"])


def test_a_fragment_that_was_under_way_takes_nothing_from_who_types(visit: Any, takes: list[str]) -> None:
    page = opened(visit, takes[0])
    held = held_words(page)
    call(page, "PATCH", f"/api/episodes/{takes[0]}", {"rating": 4})  # the socket says so, the page asks
    until_held(page, held, "")
    page.locator("#edit-note").click()
    page.keyboard.type("slips at the end")
    held.let_go()
    quiet(page)
    expect(page.locator("#edit-note")).to_have_value("slips at the end")
    page.locator("#at-frame").click()  # the focus is elsewhere, and something moves again
    with heard(page, takes[0]):
        call(page, "PATCH", f"/api/episodes/{takes[0]}", {"rating": 5})
    expect(page.locator("#edit-note")).to_have_value("slips at the end")


def test_who_goes_on_without_saving_has_saved(visit: Any, takes: list[str]) -> None:
    page = opened(visit, takes[1])
    page.locator("#edit-note").click()
    page.keyboard.type("the cube was wet")
    page.keyboard.press("Escape")
    page.keyboard.press("k")
    expect(page.locator("#details")).to_have_attribute("data-episode", takes[2])
    expect(page.locator("#edit-note")).to_have_value("")

    def said() -> tuple[str, str]:
        now = call(page, "GET", f"/api/episodes/{takes[1]}")
        return now["note"], now["verdict"]

    until(said, ("the cube was wet", "keep"))
    assert note_of(page, takes[2]) == ""


def test_saving_shows_what_was_saved_and_more_can_be_typed(visit: Any, takes: list[str]) -> None:
    page = opened(visit, takes[3])
    page.fill("#edit-task", "wipe the table")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("h1.task-title")).to_contain_text("wipe the table")
    page.locator('[data-rating="3"]').click()
    expect(page.locator('[data-rating="3"]')).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("s")
    expect(page.locator('[data-label="success"]')).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("f")  # it is the one or the other
    expect(page.locator('[data-label="success"]')).to_have_attribute("aria-pressed", "false")
    until(lambda: call(page, "GET", f"/api/episodes/{takes[3]}")["labels"], ["failure"])


def test_what_is_typed_at_the_last_take_is_saved_when_it_is_judged(visit: Any, takes: list[str]) -> None:
    page = visit(f"/episodes/{takes[-1]}/?list=all&sort=oldest")
    expect(page.locator("#frames")).not_to_have_text("0")
    page.locator("#edit-note").fill("the end of the list")
    page.locator("#edit-note").blur()
    page.keyboard.press("k")
    expect(page.locator("#verdict")).to_have_text("keep")
    expect(page.locator("#edit-note")).to_have_value("the end of the list")
    assert call(page, "GET", f"/api/episodes/{takes[-1]}")["note"] == "the end of the list"


def test_what_is_typed_before_the_pictures_are_there_is_kept(visit: Any, takes: list[str]) -> None:
    page = visit("about:blank")
    waiting: list[WebSocketRoute] = []
    page.route_web_socket("**/ws/play/**", lambda socket: waiting.append(socket))
    page.goto(f"/episodes/{takes[0]}/?list=all&sort=oldest")
    page.locator("#edit-note").fill("before anything was there")
    until_held(page, waiting, "")
    for socket in waiting:
        socket.connect_to_server()
    expect(page.locator("#frames")).to_have_text(str(TICKS - 1))
    with heard(page, takes[0]):
        call(page, "PATCH", f"/api/episodes/{takes[0]}", {"rating": 2})  # something moves
    expect(page.locator("#edit-note")).to_have_value("before anything was there")


def held_words(page: Page) -> Held:
    """The words of takes, as they are asked for."""
    return Held(page, "**/episodes/*/?*", lambda route: bool(route.request.headers.get("hx-request")))


def test_who_presses_e_and_types_at_once_means_the_take_that_is_shown(visit: Any, takes: list[str]) -> None:
    page = visit(f"/episodes/{takes[2]}/?list=all&sort=oldest")
    expect(page.locator("#frames")).to_have_text(str(TICKS - 1))
    left, shown = (call(page, "GET", f"/api/episodes/{takes[n]}")["task"] for n in (2, 1))
    held = held_words(page)
    page.keyboard.press("b")  # the one before was not fetched ahead
    page.keyboard.press("e")
    page.keyboard.type("ReR")
    until_held(page, held, "")
    held.let_go()
    page.keyboard.type("move x")
    expect(page.locator("#details")).to_have_attribute("data-episode", takes[1])
    page.keyboard.type("!")
    expect(page.locator("#edit-task")).to_be_focused()
    expect(page.locator("#edit-task")).to_have_value("ReRmove x!")
    page.keyboard.press("Enter")
    expect(page.locator("h1.task-title")).to_contain_text("ReRmove x!")
    said = [call(page, "GET", f"/api/episodes/{takes[n]}") for n in (2, 1)]
    assert said[0]["task"] == left, shown
    assert [one["verdict"] for one in said].count("reject") == 0


def test_the_form_of_the_take_that_was_left_takes_nothing_more(visit: Any, takes: list[str]) -> None:
    page = visit(f"/episodes/{takes[2]}/?list=all&sort=oldest")
    expect(page.locator("#frames")).to_have_text(str(TICKS - 1))
    quiet(page)
    rated = [call(page, "GET", f"/api/episodes/{take}")["rating"] for take in takes]
    held = held_words(page)
    page.keyboard.press("b")
    until_held(page, held, "")
    page.wait_for_function("() => document.getElementById('edit').inert")
    page.locator('[data-rating="1"]').click(force=True)
    page.locator("#edit-note").click(force=True)
    expect(page.locator("#edit-note")).not_to_be_focused()
    held.let_go()
    expect(page.locator("#details")).to_have_attribute("data-episode", takes[1])
    quiet(page)
    assert [call(page, "GET", f"/api/episodes/{take}")["rating"] for take in takes] == rated


def test_an_answer_that_was_under_way_does_not_open_the_form_that_was_left(visit: Any, takes: list[str]) -> None:
    page = visit(f"/episodes/{takes[2]}/?list=all&sort=oldest")
    expect(page.locator("#frames")).to_have_text(str(TICKS - 1))
    quiet(page)
    held = held_words(page)
    until_held(page, held, "document.getElementById('details').dispatchEvent(new Event('moved'))")
    again = held.pop(0)
    page.keyboard.press("b")
    page.wait_for_function("() => document.getElementById('edit').inert")
    page.evaluate("document.addEventListener('htmx:beforeSwap', () => (window.came = true), { once: true })")
    again.continue_()
    page.wait_for_function("() => window.came")
    page.locator("#edit-note").click(force=True)
    expect(page.locator("#edit-note")).not_to_be_focused()
    held.let_go()
    expect(page.locator("#details")).to_have_attribute("data-episode", takes[1])
    expect(page.locator("#edit")).not_to_have_attribute("inert", "")
