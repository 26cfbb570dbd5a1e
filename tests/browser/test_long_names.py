"""Eight cameras, long names, narrow windows: everything stays in its place and within reach."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import quiet
from tests.support.desk_data import ENCODING
from tests.support.takes import make_take

pytestmark = pytest.mark.browser
TITLE = "Bimanual kitchen rearrangement with deformable objects, second campaign in spring, the north bench arm"
TASKS = ("Pick up the transparent measuring cup from the drying rack " * 4, "a_name_without_any_space_" * 8)
LABEL = "occluded by the left sleeve of the operator for over a second"
CAMERAS = ("front", "top", "left", "right", "overhead_wide_angle_fisheye_calibrated", "side_left", "side_right", "back")
# What is to be seen reaches out of the window, or out of a box that cuts it off.
REACHES_OUT = """() => [...document.querySelectorAll("main .take *, main .details *, main .panel *")].filter((one) => {
  const box = one.closest(".take, .details, .panel").getBoundingClientRect();
  const own = one.getBoundingClientRect();
  return own.width && !one.closest("svg, .strip, .code") && own.right > Math.min(box.right, innerWidth) + 1;
}).map((one) => `${one.tagName}.${one.className}`)"""


@pytest.fixture(scope="module")
def takes(product: Any) -> list[str]:
    """Of one dataset: two with eight cameras, the last with none."""
    slug = product.api.call("POST", "/api/datasets", {"title": TITLE, "encoding": ENCODING})["slug"]
    spool = product.home / "spool"
    folders = [make_take(spool, 20, episode=n, dataset=slug, task=TASKS[n], cameras=CAMERAS) for n in range(2)]
    folders.append(make_take(spool, 900, episode=3, dataset="blind", task="blind", cameras=()))
    product.recover()
    for folder in folders[:2]:
        about = {"labels": [LABEL, "x" * 60], "note": "word " * 100}
        product.api.call("PATCH", f"/api/episodes/{folder.name}", about)
    return [slug, *(folder.name for folder in folders)]


SIZES = ((1440, 900), (1024, 768), (844, 390), (390, 844))


def at_width(page: Page, width: int, height: int = 900) -> None:
    """In a window of this size, with everything drawn for it."""
    page.set_viewport_size({"width": width, "height": height})
    page.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")


def test_long_names_stay_in_their_boxes(visit: Any, takes: list[str]) -> None:
    page = visit("about:blank")
    walls = (f"/datasets/{takes[0]}/?view=all", f"/datasets/{takes[0]}/?view=all&camera=all")
    for path in (*walls, f"/episodes/{takes[1]}/", f"/episodes/{takes[2]}/"):
        page.goto(path)
        expect(page.locator(".take, .details").first).to_be_visible()
        for size in SIZES:
            at_width(page, *size)
            assert page.evaluate(REACHES_OUT) == [], (path, size)


def test_every_camera_is_seen_whole_and_a_grid_of_them_covers_nothing(visit: Any, takes: list[str]) -> None:
    page = visit(f"/episodes/{takes[1]}/")
    expect(page.locator("#stage canvas")).to_have_count(len(CAMERAS))
    quiet(page)
    for width in (1440, 1024):  # a phone shows one
        at_width(page, width)
        expect(page.locator("#keep")).to_be_in_viewport(ratio=1)
        seen_whole(page)
    page.keyboard.press("g")
    expect(page.locator("#stage")).to_have_attribute("data-layout", "grid")
    for width in (1440, 1024, 390):
        at_width(page, width)
        edges = page.locator("#stage .camera").evaluate_all(
            "(all) => all.map((one) => one.offsetTop + one.offsetHeight)"
        )
        assert max(edges) <= page.locator("#scrub").evaluate("(e) => e.offsetTop"), width
        assert len(set(edges)) > 1, width


def seen_whole(page: Page) -> None:
    boxes = page.locator("#stage .camera").evaluate_all(
        "(all) => all.map((one) => [one, one.querySelector('canvas')].map((e) => e.getBoundingClientRect().toJSON()))"
    )
    for tile, canvas in boxes:
        assert canvas["height"] <= tile["height"] + 1
        assert canvas["width"] <= tile["width"] + 1
        assert tile["height"] >= 60
    assert max(tile["bottom"] for tile, _ in boxes) <= page.locator("#scrub").evaluate("(e) => e.offsetTop")


def test_an_episode_without_cameras_covers_no_button(visit: Any, takes: list[str]) -> None:
    page = visit(f"/episodes/{takes[3]}/", width=390, height=844, has_touch=True)
    expect(page.get_by_text("This episode has no cameras.")).to_be_visible()
    expect(page.locator("#frames")).to_have_text("899")
    page.get_by_role("button", name="Play", exact=True).tap()
    expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()


@pytest.mark.parametrize("width", [1024, 390])
def test_the_pages_of_a_dataset_are_within_reach(visit: Any, takes: list[str], width: int) -> None:
    """Each by a link, without a page that scrolls sideways; the first screen of a phone shows a take."""
    page = visit(f"/datasets/{takes[0]}/?view=all", width=width, height=844)
    expect(page.locator("#cards .take .strip").first).to_be_in_viewport()
    expect(page.locator(".tabs [aria-current]")).to_be_in_viewport(ratio=0.9)
    tabs = page.get_by_role("navigation", name="Pages of this dataset")
    for name in ("Overview", "Edit", "Use", "History", "Files", "Settings", "Episodes"):
        tabs.get_by_role("link", name=name).press("Enter")
        expect(tabs.get_by_role("link", name=name)).to_have_attribute("aria-current", "page")
        expect(tabs.get_by_role("link", name=name)).to_be_in_viewport(ratio=0.9)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
