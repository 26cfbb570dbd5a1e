"""Where a take begins and ends: by two grips under the bar, dragged, touched, or moved by arrows."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from robotdata.video.barcode import Barcode
from tests.support.browser import quiet
from tests.support.desk_data import call, fill, until
from tests.support.in_sight import box_of, into_sight

pytestmark = pytest.mark.browser
TICKS = 41


@pytest.fixture(scope="module")
def takes(product: Any) -> list[str]:
    return fill(product, "trims", 6, TICKS)


def opened(visit: Any, take: str, **more: Any) -> Page:
    page = visit(f"/episodes/{take}/?list=review&sort=oldest", **more)
    expect(page.locator("#frames")).to_have_text(str(TICKS - 1))
    expect(grip(page, "Trim start")).to_be_enabled()
    return page


def grip(page: Page, name: str) -> Locator:
    return page.get_by_role("slider", name=name, exact=True)


def place(page: Page, frame: int) -> tuple[float, float]:
    """Where on the line a frame is."""
    box = box_of(page.locator("#trim"))
    return box["x"] + box["width"] * frame / (TICKS - 1), box["y"] + box["height"] / 2


def drag(page: Page, start: int, stop: int, aside: float = 0) -> None:
    (x, y), (to, _) = place(page, start), place(page, stop)
    page.mouse.move(x + aside, y)
    page.mouse.down()
    page.mouse.move(to + aside, y, steps=10)


def trim_of(page: Page, take: str) -> Any:
    return call(page, "GET", f"/api/episodes/{take}")["trim"]


def test_dragging_shows_where_it_begins_and_letting_go_keeps_it(visit: Any, takes: list[str], frames: Any) -> None:
    page = opened(visit, takes[0])
    drag(page, 0, 10)
    expect(page.locator("#at-frame")).to_have_text("10")
    assert {picture.tick for picture in frames(page) if isinstance(picture, Barcode)} == {10}
    assert trim_of(page, takes[0]) is None, "it is kept when it is let go"
    page.mouse.up()
    expect(page.locator(".toast")).to_contain_text("Keeps frames 10–40")
    drag(page, 40, 30)
    page.mouse.up()
    expect(page.locator(".toast").last).to_contain_text("Keeps frames 10–30")
    assert trim_of(page, takes[0]) == [10, 31]
    page.keyboard.press("z")
    expect(page.locator(".toast").last).to_contain_text("Undone")
    expect(grip(page, "Trim end")).to_have_value("40")
    assert trim_of(page, takes[0]) == [10, 41]


def test_one_grip_never_passes_the_other(visit: Any, takes: list[str]) -> None:
    page = opened(visit, takes[1])
    drag(page, 40, 20)
    page.mouse.up()
    drag(page, 0, 36)
    page.mouse.up()
    expect(page.locator(".toast").last).to_contain_text("Keeps frame 20")
    for aside, to, said in ((-7, 5, "Keeps frames 5–20"), (7, 30, "Keeps frames 5–30")):
        drag(page, 20, to, aside)  # where both stand, each can be taken at its own side
        page.mouse.up()
        expect(page.locator(".toast").last).to_contain_text(said)


def test_arrows_move_it_and_the_verdict_comes_after_it(visit: Any, takes: list[str]) -> None:
    page = opened(visit, takes[2])
    grip(page, "Trim start").focus()
    for key in ("ArrowRight", "ArrowRight", "Shift+ArrowRight", "Control+ArrowLeft"):
        page.keyboard.press(key)
    expect(grip(page, "Trim start")).to_have_attribute("aria-valuetext", "frame 7, 0:00.2")
    expect(page.locator("#at-frame")).to_have_text("7")
    page.keyboard.press("k")
    expect(page.locator("#details")).not_to_have_attribute("data-episode", takes[2])

    def said() -> tuple[Any, Any]:
        now = call(page, "GET", f"/api/episodes/{takes[2]}")
        return now["trim"], now["verdict"]

    until(said, ([7, 41], "keep"))
    assert trim_of(page, takes[3]) is None


def test_a_drag_that_goes_on_over_the_next_take_is_of_neither(visit: Any, takes: list[str]) -> None:
    page = opened(visit, takes[3])
    drag(page, 0, 8)
    page.keyboard.press("j")
    expect(page.locator("#details")).to_have_attribute("data-episode", takes[4])
    page.mouse.move(*place(page, 25))
    page.mouse.up()
    quiet(page)
    assert trim_of(page, takes[3]) in (None, [8, 41])
    assert trim_of(page, takes[4]) is None
    expect(grip(page, "Trim start")).to_have_value("0")


def test_a_finger_can_do_it(visit: Any, takes: list[str]) -> None:
    page = opened(visit, takes[5], width=390, height=844, has_touch=True, is_mobile=True)
    session = page.context.new_cdp_session(page)
    into_sight(grip(page, "Trim start"))
    (x, y), (to, _) = place(page, 0), place(page, 20)
    for kind, points in (("touchStart", x + 4), ("touchMove", (x + to) / 2), ("touchMove", to), ("touchEnd", None)):
        at = [] if points is None else [{"x": points, "y": y}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})
    expect(page.locator(".toast")).to_contain_text("Keeps frames")
    first, end = trim_of(page, takes[5])
    assert 18 <= first <= 22
    assert end == TICKS
