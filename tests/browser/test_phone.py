"""The player on a phone: one camera, a tap that plays, a swipe to the next camera, and a bar that covers nothing."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from playwright.sync_api import Page, TimeoutError, expect

from tests.support.browser import heard
from tests.support.desk_data import call, fill
from tests.support.in_sight import box_of

pytestmark = pytest.mark.browser


def swipe(page: Page, right: int) -> None:
    """A finger that draws over the large picture."""
    box = box_of(page.locator(".camera.is-large"))
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch = page.context.new_cdp_session(page)
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for step in range(1, 6):
        point = {"x": x + right * step / 5, "y": y}
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def swipe_to(page: Page, camera: int, right: int) -> None:
    """Swipe until this camera is shown: on a busy machine a finger that lies too long is a long press, no swipe."""
    shown = page.locator(f".camera-names button:nth-child({camera + 1})[aria-pressed=true]")
    for _ in range(12):
        swipe(page, right)
        with contextlib.suppress(TimeoutError):
            shown.wait_for(timeout=3000)
            return
    raise AssertionError(f"no swipe shows camera {camera}")


def test_one_camera_is_shown_and_nothing_is_covered(product: Any, visit: Any) -> None:
    takes = fill(product, "phone", 2, 20)
    page = visit(f"/episodes/{takes[0]}/?list=review", width=390, height=844, has_touch=True, is_mobile=True)
    expect(page.locator("#frames")).to_have_text("19")
    names = page.locator(".camera-names button")
    expect(page.locator(".camera:visible")).to_have_count(1)
    expect(names).to_have_count(2)
    transport, bar = box_of(page.locator("#play")), box_of(page.locator(".verdicts"))
    assert transport["y"] + transport["height"] <= bar["y"]

    expect(names.nth(0)).to_have_attribute("aria-pressed", "true")
    swipe_to(page, 1, -120)
    swipe_to(page, 0, 120)
    expect(page.locator("#play")).to_have_attribute("aria-label", "Play")
    names.nth(1).click()
    expect(names.nth(1)).to_have_attribute("aria-pressed", "true")
    page.locator(".camera.is-large").click()
    expect(page.locator("#at-frame")).to_have_text("19")  # it played to its end

    with heard(page, *takes[1:]):
        call(page, "POST", "/api/episodes/verdict", {"episodes": takes[1:], "verdict": "keep"})
    page.locator("#keep").click()
    expect(page.locator("#review-end")).to_be_in_viewport()
