"""Episodes re-ordered on the dataset's page, one cut in the player and taken back, a camera encoded again."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from robotdata.dataset import DatasetFolder
from tests.support.browser import quiet
from tests.support.committing import commit, shown
from tests.support.desk_data import call, fill, until
from tests.support.looking import look

pytestmark = pytest.mark.browser
TICKS = 8


def reorder(page: Page, root: Path, ids: list[str], whole: list[Any]) -> None:
    """The third episode first, which is chosen in the list."""
    page.goto("/datasets/drawers/?view=committed&sort=oldest")
    quiet(page)
    page.locator(f'[data-pick="{ids[2]}"]').check()
    page.get_by_role("button", name="Re-order …").click()
    sheet = page.locator("#reorder-sheet")
    expect(sheet.get_by_label("The selected 1 first")).to_be_checked()
    expect(sheet.locator("[data-preview]")).to_contain_text("3 of 3 episodes get another number")
    look(page, "reorder")
    expect(sheet.get_by_role("button", name="Re-order", exact=True)).to_be_enabled()
    sheet.get_by_role("button", name="Re-order", exact=True).click()
    expect(page.locator(".toast", has_text="Re-ordered.")).to_be_visible()
    assert shown(root) == [whole[2], whole[0], whole[1]]


def cut_and_take_back(page: Page, root: Path, episode: str, whole: list[Any]) -> None:
    """Its middle cut out in the player, and back from the toast."""
    page.goto(f"/episodes/{episode}/?list=committed&sort=oldest")
    expect(page.locator("#frames")).to_have_text(str(TICKS - 1))
    quiet(page)
    page.get_by_role("button", name="Cut out …").click()
    sheet = page.locator("#cut-sheet")
    sheet.get_by_label("From frame").fill("0")
    expect(sheet.locator("[data-preview]")).to_contain_text("inside the episode: from 1 up to 6")
    sheet.get_by_label("From frame").fill("2")
    sheet.get_by_label("To frame").fill("5")
    sheet.get_by_label("One, with a mark at the seam").check()
    expect(sheet.locator("[data-preview]")).to_contain_text(
        re.compile(r"Episode 0 \(#\d+\) stays one, of 2 and 2 frames")
    )
    sheet.get_by_label("Two episodes").check()
    expect(sheet.locator("[data-preview]")).to_contain_text(
        re.compile(r"Episode 0 \(#\d+\) becomes two, of 2 and 2 frames\.")
    )
    look(page, "cut")
    expect(sheet.get_by_role("button", name="Cut out", exact=True)).to_be_enabled()
    sheet.get_by_role("button", name="Cut out", exact=True).click()
    page.locator(".toast", has_text="Cut.").get_by_role("button", name="Undo").click()
    until(lambda: call(page, "GET", "/api/datasets/drawers")["revision"], 4, within_s=90)
    number, before = whole[2][0], root.parent / ".revisions" / "drawers" / "3"
    assert shown(before) == [(number, [0, 1]), (number, [6, 7]), whole[0], whole[1]]
    assert shown(root) == [whole[2], whole[0], whole[1]]


def encode_again(page: Page, root: Path) -> None:
    """All cameras with another distance of keyframes."""
    page.goto("/datasets/drawers/edit/")
    quiet(page)
    page.get_by_role("button", name="Re-encode …").click()
    sheet = page.locator("#reencode-sheet")
    sheet.get_by_label("Keyframe every (frames)").fill("5")
    expect(sheet.locator("[data-preview]")).to_contain_text("frames encoded")
    look(page, "reencode")
    expect(sheet.get_by_role("button", name="Re-encode", exact=True)).to_be_enabled()
    sheet.get_by_role("button", name="Re-encode", exact=True).click()
    expect(page.locator(".toast", has_text="Re-encoded.")).to_be_visible()
    dataset = DatasetFolder.open(root)
    assert {dataset.features[key]["info"]["video.g"] for key in dataset.video_keys} == {5}


def test_it_reorders_cuts_takes_back_and_encodes_again(visit: Any, product: Any) -> None:
    page = visit("about:blank")
    ids = fill(product, "drawers", 3, TICKS)
    commit(product, "drawers", ids)
    until(lambda: product.api.call("GET", "/api/datasets/drawers")["total_episodes"], 3, within_s=90)
    root = product.home / "datasets" / "drawers"
    whole = shown(root)
    reorder(page, root, ids, whole)
    cut_and_take_back(page, root, ids[2], whole)
    encode_again(page, root)
    assert shown(root) == [whole[2], whole[0], whole[1]]
    for name in ("Drop frames …", "Videos, images …"):
        page.get_by_role("button", name=name).click()
        look(page, name[:4].strip())
        page.keyboard.press("Escape")
    look(page, "panel")
