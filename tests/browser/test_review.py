"""The curation desk: many judged at once, two compared in step, keys of one's own."""

from __future__ import annotations

import base64
import io
import re
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from robotdata.video.barcode import read
from tests.support.desk_data import call, filled, until_drawn

pytestmark = pytest.mark.browser

FRONT = "observation.images.front"


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


@pytest.fixture(scope="module")
def wall_ids(chromium: Any, product: Any, signed_in: Any) -> list[str]:
    """A dataset of fifty takes, more than a page of the wall."""
    return filled(chromium, product, signed_in, "wall", 50, 6)


def test_it_filters_at_once_and_keeps_the_filter_in_the_address(visit: Any, wall_ids: list[str]) -> None:
    page = visit("/datasets/wall/?view=review")
    expect(page.locator("#wall-count")).to_have_text("50")
    page.select_option("#filter [name=task]", "lift the cube")
    expect(page.locator("#wall-count")).to_have_text("25")
    expect(page).to_have_url("/datasets/wall/?view=review&task=lift+the+cube")
    press(page, "/")
    page.keyboard.type("nobody did this")
    expect(page.get_by_text("No matches")).to_be_visible()
    expect(page).to_have_url(re.compile("nobody.did.this"))  # earlier requests hold a part of it
    page.reload()
    expect(page.locator("#filter-q")).to_have_value("nobody did this")
    page.get_by_role("link", name="nobody did this").click()
    expect(page.locator("#wall-count")).to_have_text("25")


def test_it_judges_many_at_once_and_takes_it_back_as_one(visit: Any, wall_ids: list[str]) -> None:
    page = visit("/datasets/wall/?view=review&sort=oldest", width=1024)
    boxes = page.locator("#cards [data-pick]")
    expect(boxes).to_have_count(36)
    boxes.nth(1).click()
    boxes.nth(4).click(modifiers=["Shift"])
    expect(page.locator("[data-picked]")).to_have_text("4 selected")
    page.locator('[data-many="reject"]').click()
    expect(page.locator("#wall-count")).to_have_text("46")
    expect(page.locator("#cards .is-reject")).to_have_count(4)
    expect(page.locator("[data-picked]")).to_have_text("Select")
    press(page, "z")
    expect(page.locator("#wall-count")).to_have_text("50")
    expect(page.locator("[data-undoes]")).to_have_count(0)
    expect(page.locator("#cards .is-reject")).to_have_count(0)

    press(page, "Control+a")
    expect(page.locator("[data-picked]")).to_have_text("36 selected")
    page.get_by_role("button", name="Select all 50").click()
    expect(page.locator("[data-picked]")).to_have_text("50 selected")
    page.get_by_role("button", name="Task, labels").click()
    page.locator("#many-form [name=rating]").select_option("4")
    page.locator("#many-form [name=add_labels]").fill("checked, good")
    press(page, "Enter")
    expect(page.locator(".toast").last).to_contain_text("50 takes changed")
    expect(page.locator("#cards .take .chips").first).to_contain_text("checked")
    said = call(page, "GET", "/api/episodes?dataset=wall")["items"]
    assert {(*each["labels"], each["rating"]) for each in said} == {("checked", "good", 4)}
    press(page, "z")
    expect(page.locator("#cards .take .chips .chip")).to_have_count(0)


def test_it_compares_two_in_step(visit: Any, wall_ids: list[str]) -> None:
    page = visit("/datasets/wall/?view=review&sort=oldest", width=1024)
    boxes = page.locator("#cards [data-pick]")
    boxes.nth(0).click()
    boxes.nth(2).click()
    press(page, "c")
    expect(page.locator("[data-side]")).to_have_count(2)
    expect(page.locator(".stage canvas")).to_have_count(4)
    expect(page.locator("[data-frames]").nth(1)).to_have_text("5")
    until_drawn(page)
    for tick in range(4):
        expect(page.locator("[data-frame]").nth(0)).to_have_text(str(tick))
        expect(page.locator("[data-frame]").nth(1)).to_have_text(str(tick))
        assert [(code.tick, code.episode, code.camera) for code in codes(page)] == [
            (tick, episode, camera) for episode in (0, 2) for camera in (0, 1)
        ]
        press(page, "ArrowRight")
    press(page, "Home", "Space")
    expect(page.locator("#play")).to_have_attribute("aria-label", "Play")
    expect(page.locator("[data-frame]").nth(0)).to_have_text("5")
    expect(page.locator("[data-frame]").nth(1)).to_have_text("5")


def codes(page: Page) -> list[Any]:
    script = "() => [...document.querySelectorAll('.stage canvas')].map((canvas) => canvas.toDataURL('image/png'))"
    shown = [Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))) for url in page.evaluate(script)]
    return [read(np.asarray(image.convert("RGB"))) for image in shown]


def test_it_lets_people_choose_their_keys(visit: Any, wall_ids: list[str]) -> None:
    page = visit("/keys/")
    page.get_by_role("button", name="Keep", exact=True).click()
    press(page, "r")
    expect(page.locator(".toast").last).to_contain_text("R is already used for “Reject”")
    press(page, "PageDown")
    expect(page.locator(".toast").last).to_contain_text("Saved")
    page.goto(f"/episodes/{wall_ids[0]}/?list=review")
    expect(page.locator("#keep kbd")).to_have_text("PageDown")
    expect(page.locator("#frames")).to_have_text("5")
    press(page, "k")  # given up: it means nothing now
    press(page, "PageDown")
    expect(page.locator("#details")).not_to_have_attribute("data-episode", wall_ids[0])
    page.goto(f"/episodes/{wall_ids[0]}/?list=kept")
    expect(page.locator("#verdict")).to_have_text("keep")
    page.goto("/keys/")
    page.get_by_role("button", name="Reset to defaults").click()
    expect(page.get_by_role("button", name="Keep", exact=True)).to_have_text("K")


def test_it_shows_another_camera_and_keeps_it_while_one_filters(visit: Any, wall_ids: list[str]) -> None:
    page = visit("/datasets/wall/?view=all")
    first = page.locator("#cards .take").first.locator("img")
    expect(first).to_have_attribute("src", re.compile("images.front"))
    page.locator("#wall-camera").focus()
    page.select_option("#wall-camera", "observation.images.top")
    expect(first).to_have_attribute("src", re.compile("images.top"))
    expect(page).to_have_url("/datasets/wall/?view=all&camera=observation.images.top")
    expect(page.locator("#wall-camera")).to_be_focused()
    page.wait_for_function("() => document.querySelector('#cards .take img').naturalWidth > 0")
    page.select_option("#filter [name=task]", "lift the cube")
    expect(page.locator("#wall-count")).to_have_text("25")
    expect(first).to_have_attribute("src", re.compile("images.top"))
    page.select_option("#wall-camera", "all")
    expect(page.locator("#cards .take").first.locator("img")).to_have_count(2)
    page.reload()
    expect(page.locator("#wall-camera")).to_have_value("all")
    expect(page.locator("#wall-count")).to_have_text("25")


def test_it_keeps_the_history_open_after_going_back(visit: Any, wall_ids: list[str]) -> None:
    page = visit(f"/episodes/{wall_ids[3]}/?list=all")
    call(page, "PATCH", f"/api/episodes/{wall_ids[3]}", {"note": "odd"})
    page.reload()
    history = page.locator("details.history")
    history.locator("summary").click()
    before = history.locator("li").count()
    page.get_by_role("button", name="Restore the original recording").click()
    expect(history.locator("li")).to_have_count(before + 1)
    expect(history.locator("li").first).to_be_visible()
