"""States of pages that somebody has to do something for: a sheet that is open, a refusal, a stop without an answer.

`acts_of` says which of them a state of a home has (`page_states.py`).
"""

from __future__ import annotations

import contextlib
import shlex
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Page, Route, expect

from robotdata.station.driver_packages import PACKAGES, requirements_of
from tests.support.desk_data import Held

RIG = "bench-1"
PYTHON = "/home/wilhelmina/robots/north-bench/.robotdata/drivers/bin/python"


@contextlib.contextmanager
def nothing(page: Page) -> Iterator[None]:
    yield


@dataclass(frozen=True)
class Act:
    """A page and what is done there; `done` ends what it has begun. `expected`: what the browser may complain of."""

    address: str
    done: Callable[[Page], AbstractContextManager[None]] = nothing
    expected: str = ""

    @property
    def is_in_window(self) -> bool:
        """Whether what was done is seen in the window, wherever it lies on the page."""
        return self.done is not nothing


def acts_of(state: str, facts: dict[str, Any]) -> dict[str, Act]:
    """Return the acts of a state by their short names; `facts` are what `page_states.fill` returned."""
    slug = facts["slug"]
    copied = Act(f"/datasets/{slug}/?view=committed", copy_sheet)
    refused = Act(f"/record/{facts.get('rig', RIG)}/?dataset={slug}", refused_record, "409")
    match state:
        case "one":
            drivers = f"/rigs/drivers/?station={quote(socket.gethostname())}"
            stopped = Act(f"/record/{RIG}/", stopping)
            return {"record-stopping": stopped, "drivers-running": Act(drivers, drivers_running)}
        case "many":
            cut = Act(f"/episodes/{facts['keep'][-1]}/?list=committed", cut_sheet)
            limits = Act(f"/datasets/{slug}/overview/", joint_limits)
            return {"cut-sheet": cut, "copy-sheet": copied, "joint-limits": limits, "record-refused": refused}
        case "long":
            return {"copy-sheet": copied, "record-refused": refused}
    return {}


@contextlib.contextmanager
def cut_sheet(page: Page) -> Iterator[None]:
    page.locator("#cut-out").click()
    expect(page.locator("#cut-sheet button.primary")).to_be_enabled()
    yield


@contextlib.contextmanager
def copy_sheet(page: Page) -> Iterator[None]:
    """What is selected, to a dataset that does not exist yet."""
    page.locator("[data-pick]").first.check()
    page.locator('[data-transfer-open="copy-sheet"]').click()
    page.locator("#copy-sheet [name=title]").fill("The best of them")
    expect(page.locator("#copy-sheet button.primary")).to_be_enabled()
    yield


@contextlib.contextmanager
def joint_limits(page: Page) -> Iterator[None]:
    page.locator(".joint-limits").first.scroll_into_view_if_needed()
    page.evaluate("document.getElementById('ranges-title').scrollIntoView()")
    yield


@contextlib.contextmanager
def refused_record(page: Page) -> Iterator[None]:
    """The rig's features are not those of the dataset."""
    page.locator('#big[data-does="record"]:enabled').wait_for()
    page.locator("[name=task]").fill("Put the red cube on the mat")
    page.locator("#big").click()
    page.locator("#refusal").wait_for()
    page.locator("#refusal").scroll_into_view_if_needed()
    yield


@contextlib.contextmanager
def stopping(page: Page) -> Iterator[None]:
    """A stop whose answer does not come yet."""
    page.locator('#big[data-does="record"]:enabled').wait_for()
    page.locator("#dataset").select_option("")
    page.locator("[name=title]").fill(f"Stop it at {page.viewport_size['width'] if page.viewport_size else 0}")
    page.locator("[name=task]").fill("Put the red cube on the mat")
    page.locator("[name=countdown_s]").fill("0")
    page.locator("#big").click()
    page.locator('#big[data-does="stop"]:enabled').wait_for()
    held = Held(page, "**/commands/stop")
    page.locator("#big").click()
    page.locator("#big:disabled").wait_for()
    yield
    held.let_go()
    page.locator('#big[data-does="record"]:enabled').wait_for()


@contextlib.contextmanager
def drivers_running(page: Page) -> Iterator[None]:
    """Every driver is being installed: the command is as long as it gets. The station's answers are made here."""
    command = [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "robotdata-lab[lerobot]==0.2.0"]
    shown = f"\r\n$ {shlex.join([*command, *requirements_of(PACKAGES)])}\r\nCollecting lerobot==0.6.1\r\n"
    shown += "  Downloading lerobot-0.6.1-py3-none-any.whl.metadata (22 kB)\r\n"

    def begin(route: Route) -> None:
        route.fulfill(status=201, json={"dialog": "ab12", "rows": 30, "columns": 80})

    def read(route: Route) -> None:
        after = int(route.request.url.split("after=")[1])
        route.fulfill(json={"text": shown[after:], "first": after, "next": len(shown), "exit_code": None})

    page.route("**/install-drivers", begin)
    page.route("**/dialogs/ab12?*", read)
    for box in page.locator("#packages input").all():
        box.check()
    page.locator("#begin").click()
    expect(page.locator("#terminal")).to_contain_text("Collecting lerobot")
    page.locator("#terminal").scroll_into_view_if_needed()
    yield
    page.unroute_all(behavior="ignoreErrors")
