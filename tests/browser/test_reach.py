"""From a joint's density to the episodes that reach a range of it: by keys and by a pointer that draws."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from robotdata.quality.stored import METRICS_FILE
from tests.support.browser import quiet
from tests.support.desk_data import fill, until
from tests.support.in_sight import box_of, into_sight

pytestmark = pytest.mark.browser


def test_a_range_of_a_density_leads_to_its_episodes(product: Any, visit: Any) -> None:
    takes = fill(product, "reached", 3, 30)
    until(lambda: all((product.home / "spool" / take / METRICS_FILE).exists() for take in takes), True)
    page = visit("/datasets/reached/overview/")
    link = page.locator(".joint .reach.is-state").first
    expect(link).to_have_attribute("href", re.compile("view=all&reach="))
    quiet(page)  # a reload for a take that was measured meanwhile is over
    link.focus()
    highest = link.get_attribute("href")
    page.keyboard.press("ArrowLeft")
    expect(link).not_to_have_attribute("href", highest)
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator(".joint figcaption .num").first).to_contain_text("state")
    asked = link.get_attribute("href")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{asked}")
    chip = page.locator(".narrowed .chip")
    expect(chip).to_contain_text("(state)")
    expect(page.locator("#cards .take")).to_have_count(3)  # every take of the test has the same motion
    chip.click()
    page.wait_for_url("**/datasets/reached/?view=all")
    page.go_back()
    page.go_back()
    expect(link).to_be_visible()
    quiet(page)
    into_sight(link)
    box = box_of(link)
    page.mouse.move(box["x"] + 3, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 5, steps=4)
    drawn = link.get_attribute("href")
    page.mouse.up()
    page.wait_for_url(f"**{drawn}")
    expect(chip).to_contain_text("(state)")
