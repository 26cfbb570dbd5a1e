"""Add a rig from the page, at the station of the product: a fresh home, a simulated rig, its check, its first take."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.big_button import A_SECOND, may_press

pytestmark = pytest.mark.browser
FRESH_HOME = True  # its lists of rigs and takes are counted
PC = socket.gethostname()


def test_a_simulated_rig_is_added_in_three_clicks_and_records(visit: Any, product: Any) -> None:
    page: Page = visit("/rigs/")
    expect(page.get_by_role("heading", name=PC)).to_be_visible()
    page.get_by_role("link", name="Add a rig").first.click()
    page.get_by_role("link", name="Simulated rig").click()
    expect(page.locator("#robot .chosen")).to_contain_text("sim")

    page.click("#check")
    expect(page.locator("#check-sum")).to_have_text("Everything works.", timeout=120_000)
    expect(page.locator(".check-line")).to_have_count(4)  # robot, teleoperator, two cameras
    page.click("#save-start")
    page.wait_for_url("**/rigs/")
    assert (product.home / "rigs" / "sim.toml").exists()

    line = page.locator(f'[id="rig-{PC}-sim"]')
    expect(line.locator(".chip")).to_have_text("ready", timeout=120_000)
    line.get_by_role("link", name="Record").click()
    record(page)

    page.goto("/rigs/")
    line.get_by_role("button", name="Stop").click()
    expect(line.locator(".chip")).to_have_text("stopped", timeout=120_000)
    line.get_by_role("button", name="Remove").click()
    page.locator("#remove").get_by_role("button", name="Remove").click()
    expect(line).to_have_count(0)
    assert not (product.home / "rigs" / "sim.toml").exists()
    page.goto("/")
    expect(page.locator(".take")).to_have_count(1)  # what it recorded stays


def record(page: Page) -> None:
    """One take of a second, kept."""
    expect(page.locator("#state")).to_have_text("ready")
    expect(page.locator("#stage .camera canvas")).to_have_count(2)
    page.fill("[name=title]", "Cups")
    page.fill("[name=task]", "push the cup")
    page.fill("[name=countdown_s]", "0")
    page.keyboard.press("Enter")
    may_press(page, "record")
    page.keyboard.press("Space")
    expect(page.locator("#state")).to_have_text("recording")
    expect(page.locator("#timer")).to_have_text(A_SECOND)
    may_press(page, "stop")
    page.keyboard.press("Space")
    expect(page.locator("#takes-count")).to_have_text("1")
