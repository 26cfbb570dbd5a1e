"""The robot driven from the record page: by mouse, keys, gamepad and thumb, and what stops it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from robotdata.spool import Take
from tests.support.browser import Product, Visit, rig_file

pytestmark = pytest.mark.browser

RIG = rig_file({"front": ""}).replace(
    'kind = "autopilot"',
    'kind = "browser"\nlow = -110\nhigh = 110\nspeed = 60\nunit = "°"\njoints.gripper = { low = 0, unit = "%" }',
)
DESK = "/record/bench-1/"
PAD = """() => {
  window.pad = { id: "Test Pad (Vendor: 1)", connected: true, mapping: "standard", axes: [0, 0, 0, 0],
    buttons: Array.from({ length: 17 }, () => ({ pressed: false, value: 0 })) };
  navigator.getGamepads = () => [null, window.pad];
}"""


class Driver:
    """A page and the rig's answers to it."""

    def __init__(self, visit: Visit, **more: Any) -> None:
        self.answers: list[dict[str, Any]] = []
        self.page = visit("/datasets/", **more)
        self.page.on("websocket", lambda socket: socket.on("framereceived", self.hear))
        self.page.goto(DESK)
        self.panel = self.page.locator("#drive")
        self.hold = self.panel.get_by_role("button", name="Hold to drive")
        expect(self.panel).to_be_visible()
        self.says("Nobody drives")

    def hear(self, text: str | bytes) -> None:
        if isinstance(text, str) and (message := json.loads(text)).get("type") == "drive":
            self.answers.append(message)

    def says(self, words: str) -> None:
        expect(self.panel.locator('[data-drive="words"]')).to_have_text(words)

    def at(self, joint: int = 0) -> float:
        """The position that the rig sends to this joint."""
        return float(next(answer["at"][joint] for answer in reversed(self.answers) if answer.get("at")))

    def until(self, true: Callable[[], Any]) -> None:
        end = time.monotonic() + 60
        while not true():
            assert time.monotonic() < end, self.answers[-3:]
            self.page.wait_for_timeout(20)

    def answered(self, count: int) -> None:
        """Wait for so many further answers."""
        wanted = len(self.answers) + count
        self.until(lambda: len(self.answers) >= wanted)

    def stands(self) -> None:
        """Once the rig has heard that nobody holds, it sends the same place again and again."""
        self.until(self.is_still)
        place = self.answers[-1]["at"]
        self.answered(2)
        assert self.answers[-1]["at"] == place

    def is_still(self) -> bool:
        """Whether the last three answers say so: two of them may come before the next tick of the rig."""
        last = self.answers[-3:]
        return all(each["state"] == "free" and each["at"] == last[0]["at"] for each in last)


@pytest.fixture
def driver(visit: Visit) -> Driver:
    return Driver(visit)


def middle(page: Page, locator: Any, share: float = 0.5) -> tuple[float, float]:
    box = locator.bounding_box()
    assert box is not None
    return box["x"] + share * box["width"], box["y"] + box["height"] / 2


def test_a_slider_that_is_held_with_the_mouse_moves_the_joint(driver: Driver) -> None:
    page, before = driver.page, driver.at()
    slider = driver.panel.get_by_label("shoulder_pan")
    page.mouse.move(*middle(page, slider, 0.9))
    page.mouse.down()
    driver.until(lambda: driver.at() > before + 5)
    driver.says("You drive")
    page.mouse.up()
    driver.stands()
    assert driver.at() < 85, "it went on to where the slider was"
    expect(driver.panel.locator('[data-drive="latency"]')).to_have_text(re.compile(r"^\d+ ms$"))


def test_keys_move_joints_only_while_shift_is_held(driver: Driver) -> None:
    page, before = driver.page, driver.at(5)
    page.keyboard.press("y")
    driver.answered(2)
    assert driver.at(5) == before
    page.keyboard.down("Shift")
    page.keyboard.down("Y")
    driver.until(lambda: driver.at(5) > before + 3)
    page.keyboard.up("Y")
    page.keyboard.down("H")
    highest = driver.at(5)
    driver.until(lambda: driver.at(5) < highest - 3)
    page.keyboard.up("Shift")
    driver.stands()
    page.keyboard.up("H")
    assert page.evaluate("document.activeElement === document.body")


def test_shift_in_a_text_field_drives_nothing(driver: Driver) -> None:
    task = driver.page.get_by_label("Task")
    task.focus()
    driver.page.keyboard.press("Shift+Q")
    expect(task).to_have_value("Q")
    assert {answer["state"] for answer in driver.answers} == {"free"}


def test_a_gamepad_moves_joints_while_its_trigger_is_pressed(driver: Driver) -> None:
    page, before = driver.page, driver.at()
    page.evaluate(PAD)
    expect(driver.panel.get_by_text("Gamepad: Test Pad")).to_be_visible()
    page.evaluate("() => { window.pad.axes[0] = -1; }")
    driver.answered(2)
    assert driver.at() == before
    page.evaluate("() => { window.pad.buttons[7] = { pressed: true, value: 1 }; }")
    driver.until(lambda: driver.at() < before - 5)
    page.evaluate("() => { window.pad.buttons[7] = { pressed: false, value: 0 }; }")
    driver.stands()


def test_a_pad_that_is_pulled_out_stops_the_robot(driver: Driver) -> None:
    driver.page.evaluate(PAD)
    driver.page.evaluate("() => { pad.axes[0] = 1; pad.buttons[7] = { pressed: true, value: 1 }; }")
    before = driver.at()
    driver.until(lambda: driver.at() > before + 2)
    driver.page.evaluate("() => { navigator.getGamepads = () => [null, null]; }")
    driver.stands()


def test_the_button_is_held_by_keyboard_too(driver: Driver) -> None:
    driver.hold.focus()
    driver.page.keyboard.down(" ")
    driver.says("You drive")
    before = driver.at()
    driver.page.keyboard.down("q")
    driver.until(lambda: driver.at() != before)
    driver.page.keyboard.up(" ")
    driver.stands()
    expect(driver.panel.get_by_role("button", name="Hold to drive")).to_be_focused()


def test_a_page_that_loses_the_focus_lets_go(driver: Driver) -> None:
    driver.page.keyboard.down("Shift")
    driver.says("You drive")
    driver.page.evaluate("() => window.dispatchEvent(new Event('blur'))")
    driver.stands()


class Silence:
    """Between the rig and the page: whether the answers come through."""

    def __init__(self, driver: Driver) -> None:
        self.is_on = False
        self.driver = driver
        driver.page.route_web_socket("**/ws/input/**", self.through)
        driver.page.reload()
        driver.says("Nobody drives")

    def through(self, page: Any) -> None:
        server = page.connect_to_server()
        page.on_message(server.send)
        server.on_message(lambda text: None if self.is_on else self.pass_on(page, text))

    def pass_on(self, page: Any, text: str) -> None:
        self.driver.hear(text)
        page.send(text)


def press(driver: Driver, how: str, down: bool) -> None:
    page = driver.page
    if how == "mouse":
        driver.hold.scroll_into_view_if_needed()
        page.mouse.move(*middle(page, driver.hold))
        (page.mouse.down if down else page.mouse.up)()
    elif how == "pad":
        page.evaluate("(on) => { window.pad.buttons[7] = { pressed: on, value: Number(on) }; }", down)
    else:
        (page.keyboard.down if down else page.keyboard.up)(how)


@pytest.mark.parametrize("how", ["mouse", "Shift", " ", "pad"])
def test_nothing_moves_by_itself_when_a_rig_that_was_silent_answers_again(driver: Driver, how: str) -> None:
    silence = Silence(driver)
    driver.page.evaluate(PAD)
    expect(driver.panel.get_by_text("Gamepad: Test Pad")).to_be_visible()
    for released_meanwhile in (False, True):
        if how == " ":
            driver.hold.focus()
        press(driver, how, True)
        driver.says("You drive")
        silence.is_on = True
        driver.says("The rig does not answer")
        if released_meanwhile:
            press(driver, how, False)
        silence.is_on, before = False, len(driver.answers)
        driver.says("Nobody drives" if released_meanwhile else "Let go, then hold again")
        if how == "Shift" and not released_meanwhile:
            driver.page.keyboard.down("Shift")  # as a keyboard repeats a key that is held
        driver.answered(3)
        # Nobody drives; on a busy machine a message may come too late to count at all.
        assert {answer["state"] for answer in driver.answers[before:]} <= {"free", "late"}
        press(driver, how, False)
        driver.says("Nobody drives")


def test_two_thumbs_drive_on_a_phone(visit: Visit) -> None:
    driver = Driver(visit, width=390, height=844, has_touch=True, is_mobile=True)
    page = driver.page
    driver.hold.scroll_into_view_if_needed()
    touch = page.context.new_cdp_session(page)
    slider = driver.panel.get_by_label("shoulder_pan")
    slider.evaluate("(element) => element.scrollIntoView({ block: 'center' })")
    fingers = [dict(zip("xy", middle(page, driver.hold), strict=True), id=1)]
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": fingers})
    driver.says("You drive")
    before = driver.at()
    x, y = middle(page, slider, 0.6)
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [*fingers, {"x": x, "y": y, "id": 2}]})
    moved = [*fingers, {"x": x + 60, "y": y, "id": 2}]
    touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": moved})
    driver.until(lambda: driver.at() > before + 3)
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    driver.stands()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_second_page_is_told_who_drives_and_takes_over_with_a_question(visit: Visit) -> None:
    first, second = Driver(visit), Driver(visit)
    first.hold.focus()
    first.page.keyboard.down(" ")
    first.says("You drive")
    name = first.answers[-1]["driver"]
    second.says(f"{name} drives")
    second.hold.focus()
    second.page.keyboard.down(" ")
    second.until(lambda: second.answers[-1]["state"] == "taken")
    second.page.keyboard.up(" ")
    first.says("You drive")
    second.panel.get_by_role("button", name="Take over …").click()
    expect(second.panel.get_by_text(f"{name} is driving now")).to_be_visible()
    second.panel.get_by_role("button", name="Take over", exact=True).click()
    second.page.keyboard.down(" ")
    second.says("You drive")
    first.says("Let go, then hold again")
    second.page.keyboard.up(" ")
    second.stands()
    first.answered(3)
    assert first.answers[-1]["state"] == "release", "it drives on although another took over"
    first.page.keyboard.up(" ")
    first.says("Nobody drives")


def test_driving_is_recorded(driver: Driver, product: Product) -> None:
    page = driver.page
    page.fill("[name=title]", "Driven")
    page.fill("[name=task]", "Turn")
    page.fill("[name=countdown_s]", "0")
    page.keyboard.press("Enter")
    expect(page.locator("#big")).to_be_enabled()
    page.keyboard.press("Space")
    expect(page.locator("#state")).to_have_text("recording")
    page.keyboard.down("Shift")
    page.keyboard.down("Q")
    before = driver.at()
    driver.until(lambda: driver.at() > before + 20)  # on the page, which may have been behind at first
    page.keyboard.up("Shift")
    driver.stands()
    page.keyboard.press("Space")
    expect(page.locator("#takes-count")).to_have_text("1")
    (folder,) = (product.home / "spool").glob("*/take.json")
    with Take.open(folder.parent) as take:
        pan = take.signal("action")[:, 0]
    assert pan[-1] - pan[0] > 8 and np.abs(np.diff(pan)).max() <= 60 / 15 + 0.2, "more than its noise above its speed"
