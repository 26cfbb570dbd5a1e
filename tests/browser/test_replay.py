"""A take played back to its robot: from the player's dialog to the end of the replay on the record page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.support.big_button import may_press
from tests.support.desk_data import call, until

pytestmark = pytest.mark.browser
ADDRESS = "/api/rigs/bench-1"


@pytest.fixture
def page(visit: Any) -> Iterator[Page]:
    """A page; afterwards the teleoperator drives the rig again, whatever happened."""
    page: Page = visit("/")
    until(lambda: "bench-1" in [rig["name"] for rig in call(page, "GET", "/api/rigs")["items"]], True)
    page.goto("/record/bench-1/")
    yield page
    for state, command in (("replaying", "cancel"), ("holding", "follow")):
        if call(page, "GET", ADDRESS)["state"] == state:
            call(page, "POST", f"{ADDRESS}/commands/{command}", {})
    until(lambda: call(page, "GET", ADDRESS)["state"], "idle")


def record(page: Page) -> str:
    """Record a take of two seconds; return its id once it can be reviewed."""
    expect(page.locator("#state")).to_have_text("ready")
    page.select_option("#dataset", "")
    for name, value in {"title": "Replayed", "task": "wave", "countdown_s": "0", "reset_s": "", "target": ""}.items():
        page.fill(f"[name={name}]", value)
        page.keyboard.press("Enter")
    may_press(page, "record")
    page.locator("#big").click()
    expect(page.locator("#timer")).to_have_text(re.compile(r"0:0[2-9]|0:[1-9]"))
    may_press(page, "stop")
    page.locator("#big").click()
    expect(page.locator("#takes-count")).to_have_text("1")
    (take,) = call(page, "GET", "/api/episodes?dataset=replayed")["items"]
    until(lambda: call(page, "GET", f"/api/episodes/{take['id']}")["state"], "recorded")
    return str(take["id"])


def shows_it_move(page: Page, take: str) -> None:
    """Wait until the page shows the robot move; start it again where a busy machine made the rig stop it."""

    def moves() -> bool:
        if call(page, "GET", ADDRESS)["state"] == "holding":
            call(page, "POST", f"{ADDRESS}/replay", {"episode": take, "speed": 0.1})
        return bool(re.match("Moving slowly|Playing", page.locator("#replay-phase").inner_text()))

    until(moves, True)


def stop(page: Page, take: str) -> None:
    """Press Stop while the robot moves; a busy machine may make the rig stop it before."""
    click = "big => big.textContent.includes('Stop replay') && !big.disabled && (big.click(), true)"

    def pressed() -> bool:
        shows_it_move(page, take)
        return bool(page.locator("#big").evaluate(click))

    until(pressed, True)


def cut_live(page: Page, take: str) -> None:
    """Cut only the socket that the Stop buttons need: the page must not keep the robot moving by its other one."""
    cut: list[bool] = []
    sockets: list[WebSocketRoute] = []

    def through(socket: WebSocketRoute) -> None:
        if cut:
            socket.close()
        else:
            socket.connect_to_server()
            sockets.append(socket)

    page.route_web_socket("**/ws/live/**", through)
    page.reload()
    shows_it_move(page, take)
    cut.append(True)
    for socket in sockets:
        socket.close()
    expect(page.locator("#state")).to_have_text("no connection")
    until(lambda: call(page, "GET", ADDRESS)["state"], "holding")
    cut.clear()
    expect(page.locator("#state")).to_have_text("holding still")
    expect(page.locator("#warnings")).to_contain_text("No page has shown the replay")


def test_a_take_is_played_from_the_player_to_the_end_of_its_replay(page: Page) -> None:
    take = record(page)
    page.goto(f"/episodes/{take}/")
    expect(page.locator("#frames")).not_to_have_text("–")
    page.get_by_role("button", name="Play on the robot").click()
    dialog = page.locator("#replay")
    expect(dialog).to_contain_text("The robot moves by itself")
    expect(dialog.get_by_label("bench-1")).to_be_checked()
    expect(dialog.get_by_label("25%")).to_be_checked()
    start = dialog.locator("#replay-start")
    expect(start).to_be_disabled()
    dialog.get_by_label("10%").check()  # long enough for the page of a busy machine to come meanwhile
    dialog.locator("#replay-clear").check()
    start.click()
    page.wait_for_url("**/record/bench-1/")
    expect(page.locator("#state")).to_have_text(re.compile("replaying|holding still"))
    shows_it_move(page, take)
    expect(page.locator("#replay-episode")).to_have_text("wave")
    expect(page.locator("#replay-watched")).to_contain_text("Keep this page in view")
    page.goto("/")
    until(lambda: call(page, "GET", ADDRESS)["state"], "holding")
    page.goto("/record/bench-1/")
    expect(page.locator("#state")).to_have_text("holding still")
    expect(page.locator("#warnings")).to_contain_text("No page has shown the replay")
    cut_live(page, take)
    stop(page, take)
    expect(page.locator("#state")).to_have_text("holding still")
    expect(page.locator("#replay-phase")).to_have_text("The robot holds still")
    assert len(call(page, "GET", "/api/episodes?dataset=replayed")["items"]) == 1, "nothing was recorded"
    page.get_by_role("button", name="Let the teleoperator drive").click()
    expect(page.locator("#state")).to_have_text("ready")
    expect(page.locator("#replay")).to_be_hidden()
