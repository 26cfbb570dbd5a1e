"""Somebody who drives the robot of a rig from its record page, and what the rig answers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.support.browser import Visit, rig_file

RIG = rig_file({"front": ""}).replace(
    'kind = "autopilot"',
    'kind = "browser"\nlow = -110\nhigh = 110\nspeed = 60\nunit = "°"\njoints.gripper = { low = 0, unit = "%" }',
)
DESK = "/record/bench-1/"
AGAIN = "Let go, then hold again"


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
        self.until(lambda: any(answer.get("at") for answer in self.answers))

    def hear(self, text: str | bytes) -> None:
        if isinstance(text, str) and (message := json.loads(text)).get("type") == "drive":
            self.answers.append(message)

    @property
    def words(self) -> Locator:
        return self.panel.locator('[data-drive="words"]')

    def says(self, words: str) -> None:
        expect(self.words).to_have_text(words)

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
        not_held = 0  # looks in a row at which nothing was held

        def goes_on() -> bool:
            nonlocal not_held
            not_held = not_held + 1 if self.panel.get_attribute("data-state") == "free" else 0
            if self.words.inner_text() == AGAIN or not_held > 20:
                not_held = 0
                up()
                expect(self.words).not_to_have_text(AGAIN)
                down()
            return bool(done())

        down()
        self.until(goes_on)

    @property
    def is_driving(self) -> bool:
        """Whether the rig says so, and the page."""
        return self.answers[-1]["state"] == "driving" and self.words.inner_text() == "You drive"

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


def keys(page: Page, *names: str) -> tuple[Callable[[], None], Callable[[], None]]:
    """What presses these keys in order, and what lets them go."""

    def down() -> None:
        for name in names:
            page.keyboard.down(name)

    def up() -> None:
        for name in reversed(names):
            page.keyboard.up(name)

    return down, up
