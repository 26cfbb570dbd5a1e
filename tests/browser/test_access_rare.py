"""Everybody can use the pages that one seldom opens, too: a rig's form, its calibration, a phone's camera, the API."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import quiet, rig_file
from tests.support.desk_data import fill
from tests.support.page_checks import axe_violations, out_of_reach, sideways_px, small_targets

pytestmark = pytest.mark.browser
RIG = rig_file({"front": ""}) + '[cameras.phone]\nkind = "browser"\nwidth = 320\nheight = 240\nfps = 10\n'
ARM = """rig.name = "arm"
rig.fps = 30
robot = { kind = "lerobot", type = "so101_follower", port = "/dev/ttyACM0", id = "my_follower" }
teleoperator = { kind = "lerobot", type = "so101_leader", port = "/dev/ttyACM1", id = "my_leader" }
"""
BROKEN = ARM.replace('"arm"', '"torn"') + "rig.fps = \n"
PAGES = {
    "/rigs/arm/edit/": "#gutter span",
    "/rigs/torn/edit/": "#gutter .is-wrong",
    "/rigs/arm/calibrate/": "#begin",
    "/camera/bench-1/phone/": "button",
    "/camera/bench-1/front/": ".button",
    "/api/docs": ".opblock-tag",
    "/datasets/nothing-here/": ".empty",
    "/datasets/given-up/": ".note",
}
"""By address what is there once the page is whole."""


@pytest.fixture(scope="module")
def rare(product: Any) -> None:
    """Two rigs whose files nobody starts, and a dataset in the trash."""
    folder = product.home / "rigs"
    folder.mkdir(mode=0o700, exist_ok=True)
    for name, text in {"arm": ARM, "torn": BROKEN}.items():
        (folder / f"{name}.toml").write_text(text)
    fill(product, "given-up", 1, 6)
    product.api.call("POST", "/api/datasets/given-up/trash")


def look(page: Page, *checks: Any) -> None:
    found = []
    for path, there in PAGES.items():
        page.goto(f"{path}?station={socket.gethostname()}" if "/rigs/" in path else path)
        page.locator(there).first.wait_for()
        quiet(page)
        found += [f"{path}: {each}" for each in axe_violations(page)]
        found += [f"{path}: {px} px wider than its window"] if (px := sideways_px(page)) > 0 else []
        found += [f"{path}: {each}" for check in checks for each in check(page)]
    assert not found, "\n".join(found)


@pytest.mark.usefixtures("rare")
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_rare_pages_by_mouse_and_by_keys_alone(visit: Any, theme: str) -> None:
    visit.forgive("404")
    look(visit("about:blank", color_scheme=theme, reduced_motion="reduce"), out_of_reach)


@pytest.mark.usefixtures("rare")
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_rare_pages_by_a_finger_in_a_glove(visit: Any, theme: str) -> None:
    visit.forgive("404")
    phone = {"width": 390, "height": 844, "has_touch": True, "is_mobile": True}
    look(visit("about:blank", **phone, color_scheme=theme, reduced_motion="reduce"), small_targets)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_addresses_of_the_api_that_are_open(visit: Any, theme: str) -> None:
    page = visit("/api/docs", color_scheme=theme)
    page.locator(".opblock-tag", has_text="datasets").click()
    for method in ("get", "post", "patch", "delete"):
        page.locator(f".opblock-{method} .opblock-summary-control").first.click()
    expect(page.locator(".responses-inner")).to_have_count(4)
    quiet(page)
    assert not list(axe_violations(page))


@pytest.mark.usefixtures("rare")
def test_a_dataset_in_the_trash_says_so_where_it_was(visit: Any) -> None:
    visit.forgive("404")
    page = visit("/datasets/given-up/")
    expect(page.locator(".note")).to_contain_text("trash")
    expect(page.get_by_role("button", name="Restore")).to_be_visible()
