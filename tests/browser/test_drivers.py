"""Install drivers for a rig whose Python lacks them, at a station that is a fake at its socket; back to the rig."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from robotdata.station.rig_text import read_rig_text
from tests.support.fake_station import rig_process
from tests.support.station_thread import Beside, beside

pytestmark = pytest.mark.browser
PC = "drivers-pc"
PYTHON = "/home/me/drivers/bin/python"
FILE = '[rig]\nname = "bare"\nfps = 30\n[robot]\nkind = "sim"\n[teleoperator]\nkind = "autopilot"\n'


class Bare:
    """A computer without LeRobot until it has been installed; the installation waits until `ends`."""

    def __init__(self) -> None:
        self.has_lerobot, self.ends = False, False
        self.chosen: list[str] = []

    def __call__(self, name: str, args: dict[str, Any]) -> dict[str, Any]:
        return {"result": getattr(self, name, lambda _: {})(args)}

    def devices(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"ports": [], "cameras": [], "devices_seq": 0}

    def kinds(self, args: dict[str, Any]) -> dict[str, Any]:
        return {"python": "", "lerobot": "0.6.1" if args["python"] == PYTHON else "", "kinds": [], "failed": {}}

    def pythons(self, _: dict[str, Any]) -> dict[str, Any]:
        there = {"path": PYTHON, "lerobot": "0.6.1", "robotdata": True}
        return {"pythons": [there] if self.has_lerobot else []}

    def read_rig(self, args: dict[str, Any]) -> dict[str, Any]:
        return {"name": args["name"], "version": "v1", "tables": {}, "errors": [], "text": FILE}

    def check_text(self, args: dict[str, Any]) -> dict[str, Any]:
        checked = read_rig_text(args["text"])
        return {"name": checked.name, "tables": checked.tables, "errors": checked.errors}

    def install_drivers(self, args: dict[str, Any]) -> dict[str, Any]:
        self.chosen = args["packages"]
        return {"dialog": "ab12", "rows": 30, "columns": args["columns"]}

    def dialog_read(self, args: dict[str, Any]) -> dict[str, Any]:
        shown = "Collecting lerobot==0.6.1\r\n"
        self.has_lerobot = self.ends
        return {"text": shown[args["after"] :], "first": args["after"], "next": len(shown), "exit_code": self.code()}

    def code(self) -> int | None:
        return 0 if self.ends else None


@pytest.fixture
def bare() -> Bare:
    return Bare()


@pytest.fixture
def station(product: Any, bare: Bare) -> Iterator[Beside]:
    with beside(product, PC, answer=bare, rigs=[rig_process("bare")]) as made:
        yield made


@pytest.fixture
def visit(station: Beside, visit: Any) -> Any:
    """The station stays until the pages are closed."""
    return visit


def test_chosen_drivers_are_installed_and_the_rig_gets_their_python(visit: Any, bare: Bare) -> None:
    page = visit(f"/rigs/bare/edit/?station={PC}")
    page.get_by_role("link", name="Install them").click()
    box = page.get_by_role("checkbox", name="RealSense")
    expect(page.get_by_text("lerobot[intelrealsense]==0.6.1")).to_be_visible()
    expect(box).not_to_be_checked()
    for name in ("Feetech", "Dynamixel"):
        page.get_by_role("checkbox", name=name).uncheck()
    state = page.locator("#dialog-state")
    expect(state).to_have_text("Choose at least one driver.")
    page.get_by_role("button", name="Install", exact=True).click()
    expect(page.get_by_role("checkbox", name="Feetech")).to_be_focused()
    assert bare.chosen == []
    box.check()
    expect(state).to_have_text("")
    page.get_by_role("checkbox", name="Feetech").check()
    page.get_by_role("button", name="Install", exact=True).click()
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    expect(page.locator("#terminal")).to_contain_text("Collecting lerobot")
    expect(box).to_be_disabled()
    assert bare.chosen == ["feetech", "intelrealsense"]
    bare.ends = True
    page.get_by_role("link", name="let bare use them").click()
    expect(page.locator("#text")).to_have_value(FILE.replace("fps = 30\n", f'fps = 30\npython = "{PYTHON}"\n', 1))


@pytest.mark.parametrize("width", [390, 1440])
def test_the_terminal_fits_into_its_page(visit: Any, bare: Bare, width: int) -> None:
    page = visit(f"/rigs/drivers/?station={PC}", width=width, height=844)
    page.get_by_role("button", name="Install", exact=True).click()
    pane = page.locator("#terminal")
    expect(pane).to_contain_text("Collecting lerobot")
    assert pane.evaluate("pane => pane.scrollWidth - pane.clientWidth") <= 0
    bare.ends = True
    expect(page.get_by_role("button", name="Again")).to_be_visible()
