"""A depth camera on the pages: live, in the player, and out of the dataset; in colours, and the right frame."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from robotdata.dataset import DatasetFolder, verify_dataset
from robotdata.dataset.features import is_depth
from robotdata.video.barcode import Barcode, read
from tests.support.big_button import A_SECOND, may_press
from tests.support.browser import CANVASES, drawn, rig_file
from tests.support.desk_data import accept_rates, until_drawn

pytestmark = pytest.mark.browser

RIG = rig_file({"front": "", "depth": "depth = true\ndepth_max = 4"})
# A card may be fetched again at any moment: its picture is waited for where it is looked at.
CARDS = """() => Promise.all([...document.querySelectorAll('#cards img')].map(async (img) => {
  await img.decode()
  const canvas = document.createElement('canvas')
  canvas.width = img.naturalWidth
  canvas.height = img.naturalHeight
  canvas.getContext('2d').drawImage(img, 0, 0)
  return canvas.toDataURL('image/png')
}))"""


def colourful(picture: np.ndarray) -> bool:
    """Whether a part of it is coloured as depth is, strongly."""
    values = picture[picture.shape[0] // 3 :].astype(int)
    return bool((values.max(axis=2) - values.min(axis=2) > 120).mean() > 0.4)


def shown(page: Page) -> list[np.ndarray]:
    pictures = drawn(page, CANVASES)
    assert len(pictures) == 2
    assert colourful(pictures[1]) and not colourful(pictures[0])
    return pictures


def codes(page: Page) -> list[Barcode]:
    """Of colours and depth; white is red there, of which the mean is dark."""
    return [read(picture.max(axis=2)) for picture in shown(page)]


def look_for(page: Page, name: str) -> None:
    """Pictures for people, where somebody wants to see them."""
    if place := os.environ.get("ROBOTDATA_PICTURES"):
        page.screenshot(path=Path(place) / f"{name}.png")


def walk(page: Page, name: str) -> None:
    """The player: both cameras show the tick that it says, whatever it is asked for."""
    expect(page.locator("#stage canvas")).to_have_count(2)
    expect(page.locator("#at-frame")).to_have_text("0")
    until_drawn(page)
    first = codes(page)[0].tick
    for step in range(1, 4):
        page.keyboard.press("ArrowRight")
        expect(page.locator("#at-frame")).to_have_text(str(step))
        assert [code.tick for code in codes(page)] == [first + step] * 2
        assert [code.camera for code in codes(page)] == [0, 1]
    look_for(page, name)


def test_depth_is_seen_wherever_a_camera_is(visit: Any, product: Any) -> None:
    page = visit("/record/bench-1/")
    expect(page.locator("#state")).to_have_text("ready")
    expect(page.locator("#stage .camera canvas")).to_have_count(2)
    page.fill("[name=title]", "Depths")
    page.fill("[name=task]", "push the cube")
    page.fill("[name=countdown_s]", "0")
    page.keyboard.press("Enter")
    may_press(page, "record")
    page.keyboard.press("Space")
    expect(page.locator("#state")).to_have_text("recording")
    expect(page.locator("#timer")).to_have_text(A_SECOND)
    until_drawn(page)
    shown(page)
    look_for(page, "live")
    may_press(page, "stop")
    page.keyboard.press("Space")
    expect(page.locator("#takes-count")).to_have_text("1")

    page.locator("#session article.take a.title").first.click()
    walk(page, "take")
    expect(page.locator("body")).not_to_contain_text(re.compile("is black|one flat colour|repeats the same"))
    page.keyboard.press("k")

    expect(page.locator("#verdict")).to_have_text("keep")
    accept_rates(page)
    page.goto("/datasets/")
    page.locator("a.line.dataset").click()
    page.locator(".tabs a").nth(1).click()
    expect(page.locator("#cards article.take")).to_have_count(1)
    page.locator("select").filter(has_text="depth").last.select_option(label="depth")
    expect(page.locator("#cards img").first).to_have_attribute("src", re.compile("depth"))
    assert all(colourful(strip) for strip in drawn(page, CARDS))
    look_for(page, "wall")
    page.get_by_role("button", name="Encode 1 kept take").click()
    expect(page.locator(".tabs a").nth(2).locator(".count")).to_have_text("1", timeout=90_000)
    page.locator(".tabs a").nth(2).click()
    expect(page.locator("#cards article.take")).to_have_count(1)
    look_for(page, "committed-wall")
    page.get_by_role("link", name="Use", exact=True).click()
    root = Path(page.inner_text("#folder").strip())
    page.go_back()
    page.locator("#cards a.title").first.click()
    walk(page, "committed")

    report = verify_dataset(product.home / "datasets" / root.name, deep=True)
    assert report.ok, report.problems
    features = DatasetFolder.open(product.home / "datasets" / root.name).features
    assert [key for key in features if is_depth(features[key])] == ["observation.images.depth"]
