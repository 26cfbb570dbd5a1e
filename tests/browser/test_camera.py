"""A phone's camera as a rig's camera: the page, the code that pairs it, and its frames in a take."""

from __future__ import annotations

import time
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from robotdata.spool import Take
from tests.support.big_button import may_press
from tests.support.browser import Product, Visit, rig_file
from tests.support.desk_data import call

pytestmark = pytest.mark.browser
RIG = rig_file({"front": ""}) + '[cameras.phone]\nkind = "browser"\nwidth = 320\nheight = 240\nfps = 10\n'
CAMERA = "/camera/bench-1/phone/"
KEY = "observation.images.phone"


def start(page: Page) -> None:
    page.get_by_role("button", name="Start camera").click()
    expect(page.locator("#words")).to_have_text("Sending")


def until(page: Page, true: Any) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        page.wait_for_timeout(50)


def frames_taken(phone: Page) -> list[str]:
    """What the rig says of each frame that it takes from now on."""
    taken: list[str] = []

    def hear(said: str | bytes) -> None:
        if isinstance(said, str) and '"sending"' in said:
            taken.append(said)

    phone.on("websocket", lambda socket: socket.on("framereceived", hear))
    return taken


def test_frames_of_a_phone_reach_a_take(visit: Visit, product: Product) -> None:
    desk = visit("/record/bench-1/")
    tile = desk.locator("#stage .camera").nth(1)
    expect(tile.get_by_alt_text("Code that makes a phone this camera")).to_be_visible()
    expect(desk.locator("#big-words")).to_contain_text("Can't record")
    phone = visit(CAMERA, width=390, height=844, has_touch=True, is_mobile=True)
    taken = frames_taken(phone)
    start(phone)
    expect(tile.locator(".pair")).to_be_hidden()
    expect(tile.locator(".none")).to_be_hidden()
    desk.fill("[name=title]", "Phones")
    desk.fill("[name=task]", "Look")
    desk.fill("[name=countdown_s]", "0")
    desk.keyboard.press("Enter")
    may_press(desk, "record")
    desk.keyboard.press("Space")
    expect(desk.locator("#state")).to_have_text("recording")
    had = len(taken)
    until(desk, lambda: len(taken) > had + 8)
    may_press(desk, "stop")
    desk.keyboard.press("Space")
    expect(desk.locator("#takes-count")).to_have_text("1")
    (folder,) = (product.home / "spool").glob("*/take.json")
    with Take.open(folder.parent) as take:
        assert take.manifest["cameras_frames"][KEY] > 5
        assert take.manifest["end_reason"] == "stop"
    phone.get_by_role("button", name="Stop").click()
    expect(tile.get_by_alt_text("Code that makes a phone this camera")).to_be_visible()
    expect(phone.locator("#words")).to_have_text("Not started")


def test_a_second_phone_is_told_that_there_is_one(visit: Visit) -> None:
    first, second = visit(CAMERA), visit(CAMERA)
    start(first)
    second.get_by_role("button", name="Start camera").click()
    expect(second.locator("#words")).to_contain_text("is this camera already")
    first.get_by_role("button", name="Stop").click()
    expect(second.locator("#words")).to_have_text("Sending")


def test_a_phone_that_scanned_the_code_sends_without_signing_in(visit: Visit, product: Product) -> None:
    desk = visit("/record/bench-1/")
    expect(desk.get_by_alt_text("Code that makes a phone this camera")).to_be_visible()
    link = call(desk, "POST", "/api/rigs/bench-1/cameras/phone/pair")["url"]  # what the code holds
    phone = visit("/sign-in/", storage_state=None)
    phone.goto(link)
    start(phone)
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")
    desk.get_by_role("button", name="Unpair").click()
    expect(desk.locator(".toast").last).to_contain_text("no longer paired")
    phone.goto("/record/bench-1/")
    expect(phone).to_have_url(f"{product.url}/sign-in/?next=/record/bench-1/")


def test_a_page_without_a_camera_says_what_to_do(visit: Visit) -> None:
    phone = visit(CAMERA)
    phone.evaluate("""() => {
      navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("", "NotAllowedError"));
    }""")
    phone.get_by_role("button", name="Start camera").click()
    expect(phone.locator("#words")).to_contain_text("Allow it in the browser's settings")
