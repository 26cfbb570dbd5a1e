"""The form of a robot with two arms, whose driver has a table for each: a group of fields, never TOML."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from robotdata.station.rig_text import read_rig_text
from tests.support.desk_data import until
from tests.support.fake_station import rig_process
from tests.support.form_desk import KINDS, LEFT, PC, RIGHT, Desk, field, kind
from tests.support.station_thread import Beside, beside

pytestmark = pytest.mark.browser
ARM = [field("port", "port", required=True), field("use_degrees", "flag", default=True), field("retries", "integer")]
SIDES = ("left_arm_config", "right_arm_config")
TWO = [field(side, "table", required=True, fields=ARM) for side in SIDES] + [field("id")]
BOTH = """[rig]
name = "both"
fps = 30

[robot]
kind = "lerobot"
type = "bi_so_follower"
id = "both_robot"

[robot.left_arm_config]  # at the window
port = "/dev/serial/by-id/left"
odd = { a = 1 }

[teleoperator]
kind = "autopilot"
"""


class TwoArms(Desk):
    def kinds(self, _: dict[str, Any]) -> dict[str, Any]:
        more = kind("robot", "lerobot", "Two SO-101 followers", TWO, "bi_so_follower")
        return {"result": {"python": "", "lerobot": "0.6.1", "kinds": [*KINDS, more], "failed": {}}}


@pytest.fixture
def station(product: Any) -> Iterator[Beside]:
    desk = TwoArms()
    desk.files["both"] = BOTH
    with beside(product, PC, answer=desk, rigs=[rig_process("both")]) as made:
        yield made


@pytest.fixture
def visit(station: Beside, visit: Any) -> Any:
    """The station stays until the pages are closed: they would ask it for its devices, in vain."""
    return visit


def arm(page: Page, side: str) -> Locator:
    return page.get_by_role("group", name=side)


def robot(page: Page) -> dict[str, Any]:
    tables = read_rig_text(page.input_value("#text")).tables
    return dict(tables.get("robot", {}))


def test_each_arm_gets_its_own_port_and_keys(visit: Any) -> None:
    page = visit(f"/rigs/add/?station={PC}")
    page.fill("#rig-name", "two")
    page.locator("#robot [data-kind='lerobot bi_so_follower']").click()
    for side, port in zip(SIDES, (LEFT, RIGHT), strict=True):
        arm(page, side).locator("[data-key=port]").select_option(port)
    arm(page, "right_arm_config").locator("summary").click()
    arm(page, "right_arm_config").locator("[data-key=retries]").fill("4")
    want = {"port": LEFT}, {"port": RIGHT, "retries": 4}
    until(lambda: [robot(page).get(side) for side in SIDES], list(want))
    assert robot(page)["id"] == "two_robot"
    arm(page, "right_arm_config").locator("[data-key=retries]").fill("")
    until(lambda: robot(page)["right_arm_config"], {"port": RIGHT})


def test_what_the_file_says_of_an_arm_stays_as_it_is(visit: Any) -> None:
    page = visit("/rigs/both/edit/")
    left = arm(page, "left_arm_config")
    expect(left.locator("[data-key=port]")).to_have_value(LEFT)
    expect(left.locator("[data-key=odd]")).to_have_value("{ a = 1 }")
    left.locator("[data-key=port]").select_option(RIGHT)
    until(lambda: robot(page)["left_arm_config"], {"port": RIGHT, "odd": {"a": 1}})
    assert "[robot.left_arm_config]  # at the window" in page.input_value("#text")
