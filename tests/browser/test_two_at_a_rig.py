"""Two browsers at one rig: a press that was meant for what the button said before does nothing, and says so."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.at_once import AT_ONCE
from tests.support.big_button import may_press
from tests.support.desk_data import call, until

pytestmark = pytest.mark.browser
LATER = "() => performance.now() > window.pressedAt + 800"


def opened(visit: Any) -> Page:
    page: Page = visit("/record/bench-1/")
    expect(page.locator("#state")).to_have_text("ready")
    return page


def set_up(page: Page, title: str, **more: str) -> None:
    page.select_option("#dataset", "")
    fields = {"title": title, "task": f"push {title}", "countdown_s": "0", "reset_s": "", "episode_s": "", "target": ""}
    for name, value in {**fields, **more}.items():
        page.fill(f"[name={name}]", value)
        page.keyboard.press("Enter")
    may_press(page, "record")


def status(page: Page) -> dict[str, Any]:
    return dict(call(page, "GET", "/api/rigs/bench-1")["status"])


def until_frames(page: Page) -> str:
    until(lambda: ((status(page).get("take") or {}).get("ticks") or 0) > 3, True)
    return str(status(page)["take"]["id"])


def end(page: Page) -> None:
    page.click("#end-session")
    expect(page.locator("#end-session")).to_have_count(0)


@pytest.mark.parametrize("press", [" ", "click"])
def test_the_second_ones_press_does_not_stop_the_firsts_take(visit: Any, press: str) -> None:
    mine, other = opened(visit), opened(visit)
    set_up(mine, f"two-at-once-{press.strip() or 'space'}")
    other.evaluate(AT_ONCE, ["stop", press])
    mine.keyboard.press("Space")
    expect(other.locator(".toast")).to_contain_text("Press again to stop it")
    take = until_frames(mine)
    other.wait_for_function(LATER)
    assert status(mine)["take"]["id"] == take, "it continues"
    other.keyboard.press("Space")
    expect(mine.locator("#state")).to_have_text("ready")
    expect(mine.locator("#takes-count")).to_have_text("1")
    end(mine)


def test_a_press_that_was_meant_to_stop_begins_no_take(visit: Any) -> None:
    mine, other = opened(visit), opened(visit)
    set_up(mine, "stopped-by-another")
    mine.keyboard.press("Space")
    until_frames(mine)
    expect(other.locator("#big")).to_have_attribute("data-does", "stop")
    other.evaluate(AT_ONCE, ["record", " "])
    mine.keyboard.press("Space")
    expect(other.locator(".toast")).to_contain_text("Press again to record")
    expect(mine.locator("#takes-count")).to_have_text("1")
    until(lambda: status(mine)["state"], "idle")
    end(mine)


def test_ones_own_take_is_stopped_at_once(visit: Any) -> None:
    page = opened(visit)
    set_up(page, "own-and-quick")
    page.evaluate(AT_ONCE, ["stop", " "])
    page.keyboard.press("Space")
    expect(page.locator("#big")).to_contain_text("Record")
    until(lambda: status(page)["state"], "idle")
    expect(page.locator(".toast", has_text="Press again")).to_have_count(0)
    if page.locator("#end-session").count():
        end(page)


def test_escape_cancels_what_somebody_else_has_just_begun(visit: Any) -> None:
    mine, other = opened(visit), opened(visit)
    set_up(mine, "cancelled-at-once", countdown_s="60")
    other.evaluate(AT_ONCE, ["cancel", "Escape"])
    with mine.expect_response("**/record"):
        mine.keyboard.press("Space")
    other.wait_for_function("() => window.pressedAt")
    until(lambda: status(mine)["state"], "idle")
    expect(mine.locator("#countdown")).to_be_hidden()
    end(mine)
