"""A stop that is pressed stops the take, whatever the page is waiting for, and never a later one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Dialog, Page, Route, WebSocketRoute, expect

from tests.support.at_once import AT_ONCE
from tests.support.big_button import may_press
from tests.support.desk_data import Held, call, until, until_held
from tests.support.late import Late

pytestmark = pytest.mark.browser
STATUS = "/api/rigs/bench-1"
# Both clicks are made at once; the page comes to the second one so much later.
DOUBLE_CLICK = """(ms) => {
  const big = document.getElementById("big");
  const clicks = [1, 2].map((detail) => new MouseEvent("click", { detail, bubbles: true, cancelable: true }));
  big.dispatchEvent(clicks[0]);
  for (const began = performance.now(); performance.now() < began + ms; );
  big.dispatchEvent(clicks[1]);
}"""


class Live:
    """The page's live socket, as a test lets it be: its statuses wait, or it is away."""

    def __init__(self, page: Page) -> None:
        self.held: list[Any] | None = None
        self.newest: Any = None  # status that the page has
        self.away = False
        self.socket: WebSocketRoute | None = None
        page.route_web_socket("**/ws/live/**", self.open)

    def open(self, socket: WebSocketRoute) -> None:
        if self.away:
            socket.close()
            return
        self.socket = socket
        socket.connect_to_server().on_message(self.came)

    def came(self, message: Any) -> None:
        is_status = isinstance(message, str) and json.loads(message).get("type") == "status"
        if self.held is not None and is_status:
            self.held.append(message)
        elif self.socket is not None and not self.away:
            self.newest = message if is_status else self.newest
            self.socket.send(message)

    def hold(self) -> None:
        self.held = []

    def end(self) -> None:
        held, self.held = self.held or [], None
        for message in held:
            self.came(message)

    def leave(self) -> None:
        self.away = True
        assert self.socket is not None
        self.socket.close()


def opened(visit: Any, title: str, countdown: str = "0") -> tuple[Page, Live]:
    page: Page = visit("about:blank")
    live = Live(page)
    page.goto("/record/bench-1/")
    expect(page.locator("#state")).to_have_text("ready")
    page.select_option("#dataset", "")
    for name, value in {"title": title, "task": f"push {title}", "countdown_s": countdown, "reset_s": ""}.items():
        page.fill(f"[name={name}]", value)
        page.keyboard.press("Enter")
    may_press(page, "record")
    return page, live


def rig_state(page: Page) -> str:
    return str(call(page, "GET", STATUS)["status"]["state"])


def until_frames(page: Page) -> None:
    """Wait until the rig records a take that has frames, whatever the page knows of it."""
    until(lambda: ((call(page, "GET", STATUS)["status"].get("take") or {}).get("ticks") or 0) > 3, True)


def running(page: Page) -> None:
    page.keyboard.press("Space")
    expect(page.locator("#state")).to_have_text("recording")
    until_frames(page)


def is_over(page: Page) -> None:
    expect(page.locator("#state")).to_have_text("ready")
    expect(page.locator("#takes-count")).to_have_text("1")
    expect(page.locator("#big")).to_contain_text("Record")
    expect(page.locator("#refusal")).to_be_hidden()
    page.click("#end-session")
    expect(page.locator("#end-session")).to_have_count(0)


@pytest.mark.parametrize("press", ["Space", "click", "Escape"])
def test_a_take_that_is_not_seen_yet_is_stopped(visit: Any, press: str) -> None:
    """Neither the answer to Record nor the rig's status has come when the second press does."""
    page, live = opened(visit, f"unseen-{press.lower()}")
    answer = Late(page, "**/api/rigs/bench-1/record")
    live.hold()
    page.keyboard.press("Space")
    answer.wait()
    until_frames(page)
    if press == "click":
        page.click("#big")
    else:
        page.keyboard.press(press)
    expect(page.locator("#big")).to_contain_text("Stopping")
    live.end()
    is_over(page)
    answer.end()


def test_a_take_is_stopped_though_the_status_comes_after_the_answer(visit: Any) -> None:
    page, live = opened(visit, "status-late")
    live.hold()
    with page.expect_response("**/api/rigs/bench-1/record"):
        page.keyboard.press("Space")
    page.keyboard.press("Space")
    expect(page.locator("#big")).to_contain_text("Stopping")
    until_frames(page)
    live.end()
    is_over(page)


def outlast(page: Page) -> None:
    """Wait longer than the two seconds in which the page expects a rig to show what it does."""
    now = page.evaluate("performance.now()")
    page.wait_for_function("(now) => performance.now() > now + 4500", arg=now)


@pytest.mark.parametrize("is_answered", [True, False])
def test_a_stop_outlasts_statuses_of_before_that_come_late(visit: Any, is_answered: bool) -> None:
    page, live = opened(visit, f"queued-{is_answered}")
    answer = Late(page, "**/api/rigs/bench-1/record")
    live.hold()
    page.keyboard.press("Space")
    answer.wait()
    if is_answered:
        answer.end()
        outlast(page)
    page.keyboard.press("Space")
    expect(page.locator("#big")).to_contain_text("Stopping")
    answer.end()
    until_frames(page)
    outlast(page)
    assert live.socket is not None and live.newest is not None
    live.socket.send(live.newest)  # what a connection that stalled brings first
    live.end()
    expect(page.locator("#state")).to_have_text("ready")
    running(page)  # no stop is left for another take
    page.keyboard.press("Space")
    expect(page.locator("#takes-count")).to_have_text("2")
    page.click("#end-session")
    expect(page.locator("#end-session")).to_have_count(0)


@pytest.mark.parametrize("busy_ms", [0, 900], ids=["quick page", "slow page"])
def test_a_double_click_on_record_stops_nothing(visit: Any, busy_ms: int) -> None:
    page, live = opened(visit, f"double-{busy_ms}")
    answer = Late(page, "**/api/rigs/bench-1/record")
    page.evaluate(DOUBLE_CLICK, busy_ms)
    answer.wait()
    answer.end()
    until_frames(page)
    expect(page.locator("#big")).to_contain_text("Stop and save")
    page.click("#big")
    is_over(page)


def cut_off(visit: Any, name: str) -> tuple[Page, Live]:
    """The page of a rig that records, which has lost its connection."""
    page, live = opened(visit, name)
    running(page)
    live.leave()
    expect(page.locator("#state")).to_have_text("no connection")
    return page, live


def test_a_take_is_stopped_while_the_connection_is_lost(visit: Any) -> None:
    """By its request where that comes through; else as soon as the connection is back."""
    page, live = cut_off(visit, "no-socket")
    page.keyboard.press("Space")
    until(lambda: rig_state(page), "idle")
    live.away = False
    is_over(page)


def test_a_stop_that_does_not_come_through_is_sent_again(visit: Any) -> None:
    page, live = cut_off(visit, "no-way")
    lost: list[Route] = []
    page.route(
        "**/commands/stop", lambda route: (lost.append(route), route.abort()) if live.away else route.continue_()
    )
    page.click("#big")
    until_held(page, lost, "")
    expect(page.locator("#big")).to_contain_text("Stops when connected")
    expect(page.locator("#refusal-words")).to_contain_text("sent again")
    assert rig_state(page) == "recording"
    live.away = False
    is_over(page)
    visit.forgive()  # the browser writes down each request that failed


def test_a_countdown_is_stopped_also_where_the_take_begins_meanwhile(visit: Any) -> None:
    page, live = opened(visit, "counted", countdown="30")
    page.keyboard.press("Space")
    expect(page.locator("#countdown")).to_be_visible()
    page.keyboard.press("Space")
    expect(page.locator("#state")).to_have_text("ready")
    page.fill("[name=countdown_s]", "1")
    page.keyboard.press("Enter")
    held = Held(page, "**/commands/cancel")
    may_press(page, "record")
    page.evaluate(AT_ONCE, ["cancel", " "])  # a countdown of a second may be over before a test sees it
    page.keyboard.press("Space")
    until_held(page, held, "")
    expect(page.locator("#big")).to_contain_text("Record")  # the rig began, and the page has stopped that
    expect(page.locator("#state")).to_have_text("ready")
    with page.expect_response("**/commands/cancel"):
        held.let_go()
    expect(page.locator("#big")).to_contain_text("Record")
    expect(page.locator("#refusal")).to_be_hidden()
    page.click("#end-session")
    expect(page.locator("#end-session")).to_have_count(0)
    visit.forgive()  # the browser writes down the answer of 409


def test_whoever_closes_the_page_of_a_take_is_asked(visit: Any) -> None:
    page, live = opened(visit, "closed")
    running(page)
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.close(run_before_unload=True)
    until_held(page, asked, "")
    assert asked == ["beforeunload"]
    page.keyboard.press("Space")
    is_over(page)
    page.close(run_before_unload=True)
    assert asked == ["beforeunload"]
