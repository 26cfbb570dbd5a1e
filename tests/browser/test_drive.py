"""The robot driven from the record page: by mouse, keys, gamepad and thumb, and what stops it."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from robotdata.spool import Take
from tests.support import driving
from tests.support.big_button import may_press
from tests.support.browser import FPS, Product, Visit, quiet
from tests.support.desk_data import until_drawn
from tests.support.driving import Driver, keys
from tests.support.in_sight import box_of, into_sight

pytestmark = pytest.mark.browser

RIG = driving.RIG
PAD = """() => {
  window.pad = { id: "Test Pad (Vendor: 1)", connected: true, mapping: "standard", axes: [0, 0, 0, 0],
    buttons: Array.from({ length: 17 }, () => ({ pressed: false, value: 0 })) };
  navigator.getGamepads = () => [null, window.pad];
}"""


@pytest.fixture
def driver(visit: Visit) -> Driver:
    return Driver(visit)


def middle(page: Page, locator: Any, share: float = 0.5) -> tuple[float, float]:
    box = box_of(locator)
    return box["x"] + share * box["width"], box["y"] + box["height"] / 2


def test_each_way_to_hold_drives_and_letting_go_stops(driver: Driver) -> None:
    by_keys(driver)
    in_a_text_field(driver)
    by_the_button_and_keys(driver)
    by_a_page_that_loses_the_focus(driver)
    by_mouse(driver)


def by_keys(driver: Driver) -> None:
    """They move joints only while Shift is held."""
    page, before = driver.page, driver.at(5)
    page.keyboard.press("y")
    driver.answered(2)
    assert driver.at(5) == before
    hold = keys(page, "Shift", "Y")
    driver.drives(*hold, lambda: driver.at(5) > before + 3)
    hold[1]()
    highest = driver.at(5)
    driver.drives(*keys(page, "Shift", "H"), lambda: driver.at(5) < highest - 3)
    page.keyboard.up("Shift")
    driver.stands()
    page.keyboard.up("H")
    assert page.evaluate("document.activeElement === document.body")


def in_a_text_field(driver: Driver) -> None:
    """Shift drives nothing there."""
    task, before = driver.page.get_by_label("Task"), len(driver.answers)
    task.focus()
    driver.page.keyboard.press("Shift+Q")
    expect(task).to_have_value("Q")
    driver.answered(1)
    assert {answer["state"] for answer in driver.answers[before:]} == {"free"}


def by_the_button_and_keys(driver: Driver) -> None:
    driver.hold.focus()
    before = driver.at()
    driver.drives(*keys(driver.page, " ", "q"), lambda: driver.at() != before)
    driver.page.keyboard.up(" ")
    driver.stands()
    driver.page.keyboard.up("q")
    expect(driver.hold).to_be_focused()


def by_a_page_that_loses_the_focus(driver: Driver) -> None:
    driver.drives(*keys(driver.page, "Shift"), lambda: driver.is_driving)
    driver.page.evaluate("() => window.dispatchEvent(new Event('blur'))")
    driver.stands()
    driver.page.keyboard.up("Shift")


def by_mouse(driver: Driver) -> None:
    """A slider that is held moves its joint."""
    page, before = driver.page, driver.at()
    slider = driver.panel.get_by_label("shoulder_pan")
    into_sight(slider)

    def down() -> None:
        page.mouse.move(*middle(page, slider, 0.9))
        page.mouse.down()

    driver.drives(down, page.mouse.up, lambda: driver.at() > before + 5 and driver.is_driving)
    page.mouse.up()
    driver.stands()
    let_go = max(number for number, answer in enumerate(driver.answers) if answer["state"] == "driving") + 1
    stopped = next(answer["at"][0] for answer in driver.answers[let_go:] if answer.get("at"))
    assert abs(driver.at() - stopped) <= 60 / FPS, "it went on to where the slider was"
    expect(driver.panel.locator('[data-drive="latency"]')).to_have_text(re.compile(r"^\d+ ms$"))


def test_a_gamepad_moves_joints_while_its_trigger_is_pressed_and_it_is_there(driver: Driver) -> None:
    page, before = driver.page, driver.at()
    page.evaluate(PAD)
    expect(driver.panel.get_by_text("Gamepad: Test Pad")).to_be_visible()
    page.evaluate("() => { window.pad.axes[0] = -1; }")
    driver.answered(2)
    assert driver.at() == before
    driver.drives(lambda: trigger(page, True), lambda: trigger(page, False), lambda: driver.at() < before - 5)
    trigger(page, False)
    driver.stands()
    page.evaluate("() => { window.pad.axes[0] = 1; }")
    before = driver.at()
    driver.drives(lambda: trigger(page, True), lambda: trigger(page, False), lambda: driver.at() > before + 2)
    page.evaluate("() => { navigator.getGamepads = () => [null, null]; }")  # its plug is pulled
    driver.stands()


def trigger(page: Page, is_pressed: bool) -> None:
    page.evaluate("(on) => { window.pad.buttons[7] = { pressed: on, value: Number(on) }; }", is_pressed)


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
        if down:
            into_sight(driver.hold)
            page.mouse.move(*middle(page, driver.hold))
        (page.mouse.down if down else page.mouse.up)()
    elif how == "pad":
        trigger(page, down)
    else:
        (page.keyboard.down if down else page.keyboard.up)(how)


def test_nothing_moves_by_itself_when_a_rig_that_was_silent_answers_again(driver: Driver) -> None:
    silence = Silence(driver)
    driver.page.evaluate(PAD)
    expect(driver.panel.get_by_text("Gamepad: Test Pad")).to_be_visible()
    for how in ("Shift", " ", "pad", "mouse"):  # a mouse that rests on a page that moves tells it that Shift is up
        for released_meanwhile in (False, True):
            stays_still(driver, silence, how, released_meanwhile)


def stays_still(driver: Driver, silence: Silence, how: str, released_meanwhile: bool) -> None:
    if how == " ":
        driver.hold.focus()
    driver.drives(lambda: press(driver, how, True), lambda: press(driver, how, False), lambda: driver.is_driving)
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
    assert {answer["state"] for answer in driver.answers[before:]} <= {"free", "late"}, how
    press(driver, how, False)
    driver.says("Nobody drives")


def test_two_thumbs_drive_on_a_phone(visit: Visit) -> None:
    driver = Driver(visit, width=390, height=844, has_touch=True, is_mobile=True)
    page = driver.page
    until_drawn(page)  # a picture that comes moves what is below it
    quiet(page)
    touch = page.context.new_cdp_session(page)
    slider = driver.panel.get_by_label("shoulder_pan")
    into_sight(slider)
    before = driver.at()
    way = 60 if before < 0 else -60  # from where the tests before have left it

    def send(kind: str, *points: dict[str, float]) -> None:
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(points)})

    def down() -> None:
        thumb = dict(zip("xy", middle(page, driver.hold), strict=True), id=1)
        x, y = middle(page, slider)
        send("touchStart", thumb)
        send("touchStart", thumb, {"x": x, "y": y, "id": 2})
        send("touchMove", thumb, {"x": x + way, "y": y, "id": 2})

    driver.drives(down, lambda: send("touchEnd"), lambda: abs(driver.at() - before) > 3)
    send("touchEnd")
    driver.stands()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_driving_is_recorded(driver: Driver, product: Product) -> None:
    page = driver.page
    page.fill("[name=title]", "Driven")
    page.fill("[name=task]", "Turn")
    page.fill("[name=countdown_s]", "0")
    page.keyboard.press("Enter")
    may_press(page, "record")
    page.keyboard.press("Space")
    expect(page.locator("#state")).to_have_text("recording")
    before = driver.at()
    hold = keys(page, "Shift", "Q" if before < 0 else "A")  # from where the tests before have left it
    driver.drives(*hold, lambda: abs(driver.at() - before) > 20)  # on the page, which may have been behind at first
    hold[1]()
    driver.stands()
    may_press(page, "stop")
    page.keyboard.press("Space")
    expect(page.locator("#takes-count")).to_have_text("1")
    (folder,) = (product.home / "spool").glob("*/take.json")
    with Take.open(folder.parent) as take:
        pan = take.signal("action")[:, 0]
    assert abs(pan[-1] - pan[0]) > 8 and np.abs(np.diff(pan)).max() <= 60 / FPS + 0.2, (
        "more than its noise above its speed"
    )
