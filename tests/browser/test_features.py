"""Features changed on the dataset's page: previewed, made as one revision, taken back from the toast."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from robotdata.dataset import DatasetFolder, verify_dataset
from tests.support.browser import quiet
from tests.support.committing import commit
from tests.support.desk_data import Held, call, fill, until, until_held
from tests.support.looking import look

pytestmark = pytest.mark.browser
TICKS = 8


def features(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = call(page, "GET", "/api/datasets/cloths")["features"]
    return found


def keeps_what_is_typed_early(page: Page) -> None:
    """Open the sheet and type before it has the dataset's features; then write what was there."""
    answer, robot = Held(page, "**/api/datasets/cloths"), page.get_by_label("Robot type")
    page.get_by_role("button", name="Change features …").click()
    robot.fill("two arms")
    until_held(page, answer, "")
    answer.let_go()
    expect(page.locator("#features-sheet .feature-row")).not_to_have_count(0)
    expect(robot).to_have_value("two arms")
    robot.fill(call(page, "GET", "/api/datasets/cloths")["robot_type"])


def test_it_writes_success_renames_a_camera_and_takes_it_back(visit: Any, product: Any) -> None:
    page = visit("/about/")
    ids = fill(product, "cloths", 3, TICKS)
    commit(product, "cloths", ids)
    until(lambda: product.api.call("GET", "/api/datasets/cloths")["total_episodes"], 3, within_s=90)
    call(page, "PATCH", f"/api/episodes/{ids[1]}", {"labels": ["success"]})
    before = features(page)
    camera = next(key for key, feature in before.items() if feature["dtype"] == "video")
    page.goto("/datasets/cloths/?view=committed")
    quiet(page)
    lines = page.locator("#load-code")
    page.locator("#filter-q").fill("success")
    page.get_by_role("link", name="Load these").click()
    expect(lines).to_contain_text("1 episode found")
    expect(lines).to_contain_text(re.compile(r"episodes=\[\d\]\)"))
    look(page, "found")
    page.get_by_role("link", name="All episodes").click()
    expect(lines).not_to_contain_text("episodes=")
    page.get_by_role("link", name="Edit", exact=True).click()
    expect(page.get_by_role("link", name="Edit", exact=True)).to_have_attribute("aria-current", "page")
    quiet(page)
    keeps_what_is_typed_early(page)
    sheet = page.locator("#features-sheet")
    expect(sheet.get_by_label(f"Name of {camera}")).to_have_value(camera)
    look(page, "features")
    sheet.get_by_label("Add a column").select_option("success")
    expect(sheet.get_by_label("Its name")).to_have_value("next.success")
    expect(sheet.locator("[data-preview]")).to_contain_text("2 episodes")
    expect(sheet.locator("[data-preview]")).to_contain_text("have none of the labels success, failure")
    expect(sheet.get_by_role("button", name="Change", exact=True)).to_be_disabled()
    look(page, "features-refused")
    sheet.get_by_label("count as failed").check()
    sheet.get_by_label(f"Name of {camera}").fill("observation.images.above")
    expect(sheet.locator("[data-preview]")).to_contain_text(f"Rename {camera} to observation.images.above")
    expect(sheet.locator("[data-preview]")).to_contain_text("true for 1 episode, false for 2 episodes")
    expect(sheet.get_by_role("button", name="Change", exact=True)).to_be_enabled()
    look(page, "features-filled")
    sheet.get_by_role("button", name="Change", exact=True).click()
    toast = page.locator(".toast", has_text="Features changed.")
    toast.hover()  # it stays
    after = features(page)
    assert {"next.success", "observation.images.above"} <= after.keys() and camera not in after
    root = product.home / "datasets" / "cloths"
    ends = [bool(DatasetFolder.open(root).rows(n)["next.success"][-1]) for n in range(3)]
    assert sorted(ends) == [False, False, True] and verify_dataset(root).problems == []
    toast.get_by_role("button", name="Undo").click()
    until(lambda: features(page) == before, True, within_s=90)
    assert verify_dataset(root).problems == []
    page.get_by_role("button", name="Change features …").click()
    expect(sheet.get_by_label(f"Name of {camera}")).to_have_value(camera)
