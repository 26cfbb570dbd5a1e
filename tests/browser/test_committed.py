"""Committed episodes judged by keys, the changes applied, the dataset looked at with its reader, and the way back."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from robotdata.dataset import DatasetFolder
from tests.support.browser import pictures, quiet
from tests.support.committing import commit, shown
from tests.support.desk_data import call, fill, until, until_drawn
from tests.support.questions import let_questions_stay

pytestmark = pytest.mark.browser
TICKS = 8


def until_revision(page: Page, slug: str, revision: int) -> None:
    until(lambda: call(page, "GET", f"/api/datasets/{slug}")["revision"], revision, within_s=90)


def judge_by_keys(page: Page, ids: list[str]) -> None:
    """The first rejected, the second trimmed, the third rejected, thought better of, and relabelled."""
    page.goto(f"/episodes/{ids[0]}/?list=committed&sort=oldest")
    expect(page.locator("#frames")).to_have_text(str(TICKS - 1))
    page.keyboard.press("r")  # the first; on to the second
    expect(page.locator("#details")).to_have_attribute("data-episode", ids[1])
    expect(page.locator(".toast", has_text="when you apply changes")).to_be_visible()
    quiet(page)
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#at-frame")).to_have_text("3")
    page.keyboard.press("[")
    expect(page.locator("[data-plan]")).to_contain_text("trimmed to frames 3–7")
    page.keyboard.press("j")
    expect(page.locator("#details")).to_have_attribute("data-episode", ids[2])
    quiet(page)
    page.keyboard.press("r")
    expect(page.locator("#details")).to_have_attribute("data-episode", ids[3])
    page.keyboard.press("z")  # not that one
    expect(page.locator("#details")).to_have_attribute("data-episode", ids[2])
    expect(page.locator("#verdict")).to_have_text("keep")
    quiet(page)
    page.fill("#edit-task", "fold the towel")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("[data-plan]")).to_contain_text("becomes “fold the towel”")


def test_it_is_judged_by_keys_applied_and_taken_back(visit: Any, product: Any) -> None:
    page = visit("about:blank")
    ids = fill(product, "shelf", 5, TICKS)
    commit(product, "shelf", ids)
    root = product.home / "datasets" / "shelf"
    whole = [(n, list(range(TICKS))) for n in range(5)]
    assert shown(root) == whole

    judge_by_keys(page, ids)
    assert shown(root) == whole, "nothing has changed yet"

    page.goto("/datasets/shelf/?view=committed")
    expect(page.locator("#planned")).to_contain_text("1 to delete, 1 to relabel, 1 to trim")
    expect(page.locator(".take", has_text="will be deleted")).to_have_count(1)
    page.get_by_role("link", name="1 to trim").click()
    expect(page.locator("#wall-count")).to_have_text("1")
    page.get_by_role("button", name="Apply").click()
    until_revision(page, "shelf", 2)
    applied = [(1, [2, 3, 4, 5, 6, 7]), *whole[2:]]
    assert shown(root) == applied
    assert DatasetFolder.open(root).episodes[1].tasks == ["fold the towel"]
    expect(page.locator("#apply")).to_have_count(0)
    page.goto("/datasets/shelf/history/")
    expect(page.locator("#revisions")).to_contain_text("deleted 1, relabelled 1, trimmed 1")

    page.goto(f"/episodes/{ids[1]}/?list=committed")
    expect(page.locator("#frames")).to_have_text("5")
    until_drawn(page)
    assert [(code.episode, code.tick) for code in pictures(page)] == [(1, 2), (1, 2)]

    page.goto("/datasets/shelf/#revisions")  # an address of before
    page.wait_for_url("**/datasets/shelf/history/#revisions")
    let_questions_stay(page)
    page.get_by_role("button", name="Revert").click()
    page.get_by_role("button", name="Revert to 1?").click()
    until_revision(page, "shelf", 3)
    assert shown(root) == whole
    expect(page.locator("#revisions")).to_contain_text("reverted to revision 1")
    expect(page.locator("#planned")).to_contain_text("1 to delete")
    page.goto("/datasets/shelf/?view=committed")
    expect(page.locator("#wall-count")).to_have_text("5")


def test_a_task_is_renamed_everywhere_and_back(visit: Any, product: Any) -> None:
    ids = fill(product, "words", 4, TICKS)
    commit(product, "words", ids[:2])
    wall = visit("/datasets/words/?view=all")
    quiet(wall)
    page = visit("/datasets/words/edit/")
    quiet(page)
    tasks = page.locator("section.panel", has=page.get_by_role("heading", name=re.compile("^Tasks")))
    tasks.locator("summary").first.click()
    tasks.locator("input[name=to]").first.fill("raise the cube")
    tasks.get_by_role("button", name=re.compile("^Rename 2")).first.click()
    expect(page.locator(".toast", has_text="Renamed in 2 episodes")).to_be_visible()
    expect(wall.locator(".take .title", has_text="raise the cube")).to_have_count(2)
    expect(wall.locator(".take", has_text="will be relabelled")).to_have_count(1)
    page.keyboard.press("z")
    expect(wall.locator(".take .title", has_text="raise the cube")).to_have_count(0)
    expect(wall.locator(".take", has_text="will be relabelled")).to_have_count(0)
