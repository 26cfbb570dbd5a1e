"""Somebody checks the rig before the first take: offered, told as checking, read worst first, and nothing is kept."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.support import browser
from tests.support.at_once import AT_ONCE
from tests.support.desk_data import call

pytestmark = pytest.mark.browser
RIG = browser.rig_file({"front": "", "top": ""})
ADDRESS = "/api/rigs/bench-1"

# Every word that the page says of the rig's state, from now on.
LISTEN = """
  window.states = [];
  new MutationObserver(() => window.states.push(document.querySelector("#state").textContent.trim()))
    .observe(document.querySelector("#state"), { childList: true, subtree: true, characterData: true });
"""


def test_a_rig_is_checked_before_its_first_take(visit: Any) -> None:
    page = visit("/rigs/")
    page.wait_for_function("fetch('/api/rigs').then((answer) => answer.json()).then((list) => list.items.length === 1)")
    page.goto("/record/bench-1/#preflight")
    expect(page.locator("#state")).to_have_text("ready")
    box, begin, lines = page.locator("#preflight"), page.locator("#preflight-begin"), page.locator(".preflight-list li")
    expect(box).to_contain_class("is-offer")
    expect(begin).to_be_focused()  # a link leads to it
    expect(begin).to_have_attribute("aria-disabled", "false")
    page.evaluate(LISTEN)
    page.keyboard.press("Enter")
    expect(begin).to_have_text("Check again")
    expect(page.locator("#state")).to_have_text("ready")
    states = page.evaluate("window.states")
    assert "checking" in states and not [state for state in states if "recording" in state]
    expect(lines.first).to_be_visible()
    said = lines.all_inner_texts()
    assert len(said) >= 7
    for words in ("Control loop", "Camera front", "Camera top", "clock", "MB/s"):
        assert any(words in line for line in said), words
    expect(begin).to_be_focused()
    expect(page.locator("#preflight-age")).to_contain_text("ago")
    levels = [line.get_attribute("data-level") for line in lines.all()]
    assert levels == sorted(levels, key=["bad", "warn", "ok"].index)
    expect(page.locator("#takes-count")).to_have_count(0)
    assert call(page, "GET", "/api/episodes")["items"] == []
    assert call(page, "GET", ADDRESS)["status"]["preflight"]["state"] == "done"

    expect(begin).to_have_attribute("aria-disabled", "false")
    page.evaluate(AT_ONCE, ["cancel", "Escape"])  # a check may be over before a test sees it
    with page.expect_response("**/commands/cancel"):
        page.keyboard.press("Enter")
    expect(page.locator("#state")).to_have_text("ready")
    expect(page.locator("#preflight-sum")).not_to_contain_text("test recording runs")
    expect(lines.first).to_be_visible()
