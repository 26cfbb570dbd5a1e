"""The emergency stop on the record page: its button and key work in every state, and it says what is confirmed."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.support import browser
from tests.support.big_button import may_press
from tests.support.desk_data import call, until, until_held
from tests.support.in_sight import box_of

pytestmark = pytest.mark.browser
ADDRESS = "/api/rigs/bench-1"


RIG = browser.RIG.replace(
    'kind = "sim"\n', 'kind = "sim"\non_end = "rest"\nrest = { "shoulder_pan.pos" = 0 }\nrest_speed = 90\n', 1
)


@pytest.fixture
def page(visit: Any, product: Any) -> Iterator[Page]:
    """The record page of a rig that is ready."""
    until(lambda: [rig["name"] for rig in product.api.call("GET", "/api/rigs")["items"]], ["bench-1"])
    page: Page = visit("/record/bench-1/")
    visit.forgive("504")  # of a rig that a busy machine keeps from confirming at once: the page asks it again
    # The page is drawn by the rig's row, which may be behind the stop of the test before; the button follows the rig.
    expect(page.locator("#big")).to_have_attribute("data-does", re.compile("record|clear_error"))
    if page.locator("#big").get_attribute("data-does") == "clear_error":
        page.locator("#big").click()
    ready(page)
    yield page
    page.unroute_all()


def ready(page: Page) -> None:
    may_press(page, "record")
    expect(page.locator("#state")).to_have_text("ready")


def since(page: Page) -> float:
    """When the stop came of which the row tells that the API shows; it follows the rig a moment later than the page."""
    error = call(page, "GET", ADDRESS)["status"]["error"] or {}
    return float(error["since"]) if error.get("code") == "emergency_stop" else 0.0


def until_told(page: Page, pressed_at: float) -> None:
    until(lambda: since(page) > pressed_at, True)


def stopped(page: Page) -> None:
    expect(page.locator("#estop")).to_have_attribute("data-stop", "stopped")
    expect(page.locator("#state")).to_have_text("needs help")
    expect(page.locator("#blockers")).to_contain_text("Emergency stop")
    expect(page.locator("#estop-alarm")).to_be_hidden()
    may_press(page, "clear_error")


def test_it_stops_the_rig_until_the_error_that_the_page_shows_is_cleared(page: Page) -> None:
    expect(page.locator("[data-fact=ending]")).to_contain_text("moves to its rest pose")
    pressed_at = time.time()
    page.locator("#estop button").click()
    stopped(page)
    until_told(page, pressed_at)
    shown = since(page)
    with page.expect_request("**/commands/clear_error") as asked:
        page.locator("#big").click()
    assert asked.value.post_data_json == {"args": {"since": shown}}
    ready(page)
    expect(page.locator("#estop button")).to_contain_text("Emergency stop")


def test_the_key_works_while_typing_and_over_a_dialog(page: Page) -> None:
    page.locator("#record-form [name=task]").focus()
    page.keyboard.type("push the c")
    page.keyboard.press("Shift+Escape")
    stopped(page)
    expect(page.locator("#record-form [name=task]")).to_be_focused()
    page.locator("#big").click()
    ready(page)
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Shift+Escape")
    stopped(page)
    expect(page.locator("#keys")).to_be_visible()


def test_it_ends_a_take_and_keeps_it(page: Page) -> None:
    page.locator("#record-form [name=title]").fill("Stopped")
    page.locator("#record-form [name=task]").fill("push the cube")
    page.locator("#record-form [name=countdown_s]").fill("0")
    page.locator("#big").click()
    expect(page.locator("#state")).to_have_text("recording")
    until(lambda: ((call(page, "GET", ADDRESS)["status"].get("take") or {}).get("ticks") or 0) > 0, True)
    page.keyboard.press("Shift+Escape")
    stopped(page)
    expect(page.locator(".session .take")).to_have_count(1)
    expect(page.locator(".session .take")).to_contain_text("emergency stop")


def test_one_of_its_two_ways_is_enough(page: Page) -> None:
    page.route("**/commands/emergency_stop", lambda _: None)  # never answered
    page.locator("#estop button").click()
    stopped(page)
    page.unroute_all()
    page.reload()
    stopped(page)
    page.locator("#big").click()
    ready(page)
    page.evaluate("WebSocket.prototype.send = () => {}")
    page.locator("#estop button").click()
    stopped(page)


def test_a_press_that_arrives_late_by_its_second_way_stops_nothing_again(page: Page) -> None:
    held: list[Route] = []
    page.route("**/commands/emergency_stop", lambda route: held.append(route))
    with page.expect_request("**/commands/emergency_stop"):
        page.locator("#estop button").click()
    stopped(page)
    page.locator("#big").click()
    ready(page)
    assert held and all(route.fetch().ok for route in held)
    call(page, "POST", "/api/datasets", {"title": "After a stop"})
    call(page, "POST", f"{ADDRESS}/record", {"dataset": "after-a-stop", "task": "push the cube"})
    call(page, "POST", f"{ADDRESS}/commands/discard", {})
    expect(page.locator("#state")).to_have_text("ready")


def test_it_sends_people_to_the_power_switch_where_nothing_is_confirmed(visit: Any, page: Page) -> None:
    host = re.search(r"process (\d+)", call(page, "GET", ADDRESS)["host"])
    assert host is not None
    os.kill(int(host[1]), signal.SIGSTOP)
    try:
        page.keyboard.press("Shift+Escape")
        alarm = page.locator("#estop-alarm")
        expect(alarm).to_be_visible()
        expect(alarm).to_contain_text("power switch")
        assert page.evaluate("parseFloat(getComputedStyle(document.querySelector('#estop-alarm b')).fontSize)") >= 40
    finally:
        os.kill(int(host[1]), signal.SIGCONT)
    stopped(page)
    visit.forgive()  # of a request that the rig did not confirm in time (504)


def test_the_button_stays_in_sight(page: Page) -> None:
    page.evaluate("document.querySelector('.control-side').style.minHeight = '3000px'")
    page.evaluate("document.querySelector('.desk').style.minHeight = '3000px'")
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 700})
        page.evaluate("scrollTo(0, 0)")
        page.mouse.wheel(0, 1500)
        page.wait_for_function("() => scrollY > 500")
        box = box_of(page.locator("#estop button"))
        assert box["y"] >= 40 and box["y"] + box["height"] <= 700
        assert page.evaluate(
            "([x, y]) => document.elementFromPoint(x, y)?.closest('#estop') !== null",
            [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2],
        )


def test_it_stops_before_the_scripts_are_here(page: Page) -> None:
    held: list[Route] = []
    asked: list[Any] = []
    page.on("request", lambda request: "emergency_stop" in request.url and asked.append(request.post_data_json))
    page.route("**/js/record/page.js", lambda route: held.append(route))
    for press in (lambda: page.locator("#estop button").click(), lambda: page.keyboard.press("Shift+Escape")):
        page.goto("/record/bench-1/", wait_until="commit")
        page.locator("#toasts").wait_for(state="attached")
        until_held(page, held, "")
        pressed_at = time.time()
        press()
        expect(page.locator("#estop button")).to_contain_text("Stopping")
        until_told(page, pressed_at)
        held.pop().continue_()
        stopped(page)
        assert len({body["id"] for body in asked}) == 1  # the page has continued the same press
        page.locator("#big").click()
        ready(page)
        asked.clear()
