"""The start page: ways in for somebody new, then what waits, the last days and live pictures of the rigs."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.support.desk_data import call, fill

pytestmark = pytest.mark.browser
FRESH_HOME = True

# The picture on the rig's tile is not black all over.
DRAWN = """() => {
  const canvas = document.querySelector("[data-thumb] canvas");
  const pixels = () => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  return canvas && pixels().some((n, i) => i % 4 < 3 && n > 60);
}"""


def test_it_leads_from_the_first_visit_to_what_waits(visit: Any, product: Any) -> None:
    page = visit("/")
    expect(page.locator(".way")).to_have_count(3)
    expect(page.locator(".way").first).to_contain_text("bench-1")
    expect(page.locator("[data-waits]")).to_have_count(0)
    page.wait_for_function(DRAWN)

    takes = fill(product, "home", 4, 20)
    expect(page.locator("[data-waits=to_review] b")).to_have_text("4")  # the page came again by itself
    page.wait_for_function(DRAWN)
    call(page, "PATCH", f"/api/episodes/{takes[0]}", {"verdict": "keep"})
    call(page, "PATCH", f"/api/episodes/{takes[1]}", {"verdict": "reject"})
    expect(page.locator("[data-waits=to_review] b")).to_have_text("2")
    expect(page.locator("[data-waits=encodable] b")).to_have_text("1")
    page.locator("[data-waits=to_review] .button").click()
    page.wait_for_url(f"**/episodes/{takes[3]}/?list=review")
    expect(page.locator("#verdict")).to_have_text("to review")
    call(page, "POST", "/api/episodes/verdict", {"episodes": takes[2:], "verdict": "reject"})
    page.goto("/datasets/home/review/")  # nothing is left
    page.wait_for_url("**/datasets/home/")
