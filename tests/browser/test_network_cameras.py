"""A network camera is found, signed in at, looked at and chosen on the page, at the station of the product."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from robotdata.station.rig_text import read_rig_text
from robotdata.video.jpeg import encode_jpeg
from tests.support.in_sight import pictured
from tests.support.onvif_camera import PASSWORD, USER, OnvifCamera

pytestmark = pytest.mark.browser
PC = socket.gethostname()


@pytest.fixture
def camera() -> Iterator[OnvifCamera]:
    made = OnvifCamera("Door%20cam", [encode_jpeg(np.full((480, 640, 3), 120, np.uint8))], size=(640, 480))
    yield made
    made.close()


def test_a_network_camera_is_found_signed_in_at_and_chosen(visit: Any, camera: OnvifCamera) -> None:
    page: Page = visit(f"/rigs/add/?station={PC}&from=sim")
    expect(page.locator("#robot .chosen")).to_contain_text("sim")
    page.click("#find-network")
    found = page.get_by_role("article", name="Network camera Door cam 127.0.0.1")
    expect(found).to_contain_text("DS-2CD · 127.0.0.1")
    found.get_by_label("User").fill(USER)
    found.get_by_label("Password").fill("guessed")
    page.keyboard.press("Enter")
    expect(found.get_by_role("status")).to_contain_text("refuses this user or password")
    expect(found.get_by_label("Password")).to_be_focused()
    found.get_by_label("Password").fill(PASSWORD)
    found.get_by_role("button", name="Show its streams").click()
    use = page.get_by_role("checkbox", name="Door cam · main")
    expect(use).to_be_focused()
    page.keyboard.press("Space")
    card = page.locator(".camera-card.is-used", has_text="Door cam · main")
    pictured(card, card.locator("img"), 640)
    expect(card.locator(".measured")).to_contain_text(re.compile(r"25 listed, [\d.]+ measured"))
    expect(page.locator("#text")).to_have_value(re.compile("profile=large"))
    sign_in = f"{USER}:{quote(PASSWORD, safe='')}@127.0.0.1"
    (table,) = [
        each for each in read_rig_text(page.input_value("#text")).tables["cameras"].values() if each["kind"] == "pyav"
    ]
    assert table["url"].startswith(f"http://{sign_in}:") and table["url"].endswith("profile=large")
    assert (table["width"], table["height"], table["fps"]) == (640, 480, 25)
    page.click("#check")
    expect(page.locator("#check-sum")).to_have_text("Everything works.", timeout=120_000)
    visit.forgive()  # the browser writes down the answer of 409


def test_a_stream_whose_address_is_typed_is_looked_at(visit: Any, camera: OnvifCamera) -> None:
    page: Page = visit(f"/rigs/add/?station={PC}")
    page.click("#find-network")
    found = page.get_by_role("article", name="Network camera Door cam 127.0.0.1")
    found.get_by_text("Type its stream").click()
    address = found.get_by_label("Stream’s address")
    expect(address).to_have_value("rtsp://127.0.0.1:554/")
    address.fill("ftp://127.0.0.1/")
    address.press("Enter")
    expect(found.get_by_role("status")).to_contain_text("rtsp:, http: or https:")
    visit.forgive("409")  # the browser writes down that answer
    found.get_by_label("User").fill(USER)
    found.get_by_label("Password").fill(PASSWORD)
    address.fill(camera.service.replace("onvif/device_service", "cam"))
    address.press("Enter")
    page.get_by_role("checkbox", name="Door cam").check()
    card = page.locator(".camera-card.is-used")
    pictured(card, card.locator("img"), 640)
