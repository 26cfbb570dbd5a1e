"""Two people at one robot: who drives, who is told so, and who takes over."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.support import driving
from tests.support.browser import Visit
from tests.support.driving import Driver, keys

pytestmark = pytest.mark.browser
RIG = driving.RIG


def test_a_second_page_is_told_who_drives_and_takes_over_with_a_question(visit: Visit) -> None:
    first, second = Driver(visit), Driver(visit)
    first.hold.focus()
    second.hold.focus()
    first.drives(*keys(first.page, " "), lambda: first.is_driving)
    name = first.answers[-1]["driver"]
    first.drives(*keys(first.page, " "), lambda: second.words.inner_text() == f"{name} drives")
    second.page.keyboard.down(" ")
    first.drives(*keys(first.page, " "), lambda: second.answers[-1]["state"] == "taken")
    second.page.keyboard.up(" ")
    take_over(first, second)
    first.says("Let go, then hold again")
    second.page.keyboard.up(" ")
    second.stands()
    before = len(first.answers)
    first.answered(3)
    states = {answer["state"] for answer in first.answers[before:]}
    assert "driving" not in states, "it drives on although another took over"
    first.says("Let go, then hold again")
    first.page.keyboard.up(" ")
    first.says("Nobody drives")


def take_over(first: Driver, second: Driver) -> None:
    """Ask to take over, confirm and hold. While the first page is too late to drive, there is nothing to take over."""
    ask = second.panel.get_by_role("button", name="Take over …")
    confirm = second.panel.locator('[data-drive="confirm"]')
    click = "button => button.checkVisibility() && (button.click(), true)"  # no answer comes between look and click

    def confirmed() -> bool:
        if ask.is_visible():
            second.panel.locator('[data-drive="take-over"]').evaluate(click)
        return bool(confirm.evaluate(click))

    first.drives(*keys(first.page, " "), confirmed)
    second.drives(*keys(second.page, " "), lambda: second.is_driving)


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


def test_a_question_stays_while_one_message_of_the_driver_is_late(visit: Visit) -> None:
    driver = Driver(visit)
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
