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
from tests.support.browser import FPS, Product, Visit, quiet, rig_file
from tests.support.desk_data import until_drawn
from tests.support.in_sight import box_of, into_sight

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
        self.page = visit("about:blank", **more)
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
            self.page.wait_for_timeout(50)

    def drives(self, down: Callable[[], Any], up: Callable[[], Any], done: Callable[[], Any]) -> None:
        """Hold until `done`; as a person does, let go and hold again where a busy machine was late and they ask it.

        Or where the press was not taken: a slider is disabled while the rig does not answer, and the hold is gone.
        """
        words = self.panel.locator('[data-drive="words"]')
        not_held = 0  # looks in a row at which nothing was held

        def goes_on() -> bool:
            nonlocal not_held
            not_held = not_held + 1 if self.panel.get_attribute("data-state") == "free" else 0
            if words.inner_text() == "Let go, then hold again" or not_held > 20:
                not_held = 0
                up()
                self.says("Nobody drives")
                down()
            return bool(done())

        down()
        self.until(goes_on)

    @property
    def is_driving(self) -> bool:
        return bool(self.answers and self.answers[-1]["state"] == "driving")

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


def keys(page: Page, *names: str) -> tuple[Callable[[], None], Callable[[], None]]:
    """What presses these keys in order, and what lets them go."""

    def down() -> None:
        for name in names:
            page.keyboard.down(name)

    def up() -> None:
        for name in reversed(names):
            page.keyboard.up(name)

    return down, up


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
    driver.says("You drive")
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

    def send(kind: str, *points: dict[str, float]) -> None:
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(points)})

    def down() -> None:
        thumb = dict(zip("xy", middle(page, driver.hold), strict=True), id=1)
        x, y = middle(page, slider, 0.6)
        send("touchStart", thumb)
        send("touchStart", thumb, {"x": x, "y": y, "id": 2})
        send("touchMove", thumb, {"x": x + 60, "y": y, "id": 2})

    driver.drives(down, lambda: send("touchEnd"), lambda: driver.at() > before + 3)
    send("touchEnd")
    driver.stands()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_second_page_is_told_who_drives_and_takes_over_with_a_question(visit: Visit) -> None:
    first, second = Driver(visit), Driver(visit)
    first.hold.focus()
    first.drives(*keys(first.page, " "), lambda: first.is_driving)
    name = first.answers[-1]["driver"]
    second.says(f"{name} drives")
    second.hold.focus()
    second.page.keyboard.down(" ")
    second.until(lambda: second.answers[-1]["state"] == "taken")
    second.page.keyboard.up(" ")
    take_over(first, second)
    second.page.keyboard.down(" ")
    second.says("You drive")
    first.says("Let go, then hold again")
    second.page.keyboard.up(" ")
    second.stands()
    first.answered(3)
    assert first.answers[-1]["state"] == "release", "it drives on although another took over"
    first.page.keyboard.up(" ")
    first.says("Nobody drives")


def take_over(first: Driver, second: Driver) -> None:
    """Ask to take over, and confirm. While the first page is too late to drive, there is nothing to take over."""
    ask = second.panel.get_by_role("button", name="Take over …")
    confirm = second.panel.locator('[data-drive="confirm"]')
    click = "button => button.checkVisibility() && (button.click(), true)"  # no answer comes between look and click

    def confirmed() -> bool:
        if ask.is_visible():
            second.panel.locator('[data-drive="take-over"]').evaluate(click)
        return bool(confirm.evaluate(click))

    first.drives(*keys(first.page, " "), confirmed)


class Told:
    """Between the rig and a page: who drives, as the page is told."""

    def __init__(self, driver: Driver, name: str | None) -> None:
        self.name, self.count, self.driver = name, 0, driver
        driver.page.route_web_socket("**/ws/input/**", self.through)
        driver.page.reload()

    def through(self, page: Any) -> None:
        server = page.connect_to_server()
        page.on_message(server.send)
        server.on_message(lambda text: page.send(self.tell(text)))

    def tell(self, text: str) -> str:
        message = json.loads(text)
        if message.get("type") != "drive":
            return text
        self.count += 1
        return json.dumps({**message, "driver": self.name, "state": "taken" if self.name else "free"})

    def once(self, name: str | None) -> None:
        """Tell the page in one answer that this one drives, then again who did."""
        self.name, before = name, self.name
        wanted = self.count + 1
        self.driver.until(lambda: self.count >= wanted)
        self.name = before


def test_a_question_stays_while_one_message_of_the_driver_is_late(driver: Driver) -> None:
    told = Told(driver, "Ada")
    driver.says("Ada drives")
    driver.panel.get_by_role("button", name="Take over …").click()
    confirm = driver.panel.get_by_role("button", name="Take over", exact=True)
    expect(confirm).to_be_visible()
    told.once(None)
    driver.says("Nobody drives")
    expect(confirm).to_be_visible()
    driver.says("Ada drives")
    told.name = None
    expect(confirm).to_be_hidden()


def test_driving_is_recorded(driver: Driver, product: Product) -> None:
    page = driver.page
    page.fill("[name=title]", "Driven")
    page.fill("[name=task]", "Turn")
    page.fill("[name=countdown_s]", "0")
    page.keyboard.press("Enter")
    expect(page.locator("#big")).to_have_attribute("data-does", "record")
    expect(page.locator("#big")).to_be_enabled()
    page.keyboard.press("Space")
    expect(page.locator("#state")).to_have_text("recording")
    before = driver.at()
    hold = keys(page, "Shift", "Q")
    driver.drives(*hold, lambda: driver.at() > before + 20)  # on the page, which may have been behind at first
    hold[1]()
    driver.stands()
    expect(page.locator("#big")).to_have_attribute("data-does", "stop")
    expect(page.locator("#big")).to_be_enabled()
    page.keyboard.press("Space")
    expect(page.locator("#takes-count")).to_have_text("1")
    (folder,) = (product.home / "spool").glob("*/take.json")
    with Take.open(folder.parent) as take:
        pan = take.signal("action")[:, 0]
    assert pan[-1] - pan[0] > 8 and np.abs(np.diff(pan)).max() <= 60 / FPS + 0.2, "more than its noise above its speed"
