"""Subtasks by keys under the timeline: of a take, through encoding, and of an episode as a revision with a way back."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from robotdata.dataset import DatasetFolder
from robotdata.spool.language import Language
from tests.support.browser import quiet
from tests.support.committing import commit
from tests.support.desk_data import call, fill, until
from tests.support.late import Late

pytestmark = pytest.mark.browser
TICKS = 41


def opened(page: Page, take: str) -> None:
    page.goto(f"/episodes/{take}/?list=all&sort=oldest")
    expect(page.locator("#frames")).to_have_text(str(TICKS - 1))
    expect(page.locator("#span-form")).to_be_visible()


def at(page: Page, frame: int) -> None:
    """Show this frame, from wherever the page is."""
    page.locator("#range").evaluate(
        "(range, frame) => { range.value = frame; range.dispatchEvent(new Event('input')); }", frame
    )
    expect(page.locator("#at-frame")).to_have_text(str(frame))


def write(page: Page, words: str, key: str = "a") -> None:
    page.keyboard.press(key)
    expect(page.locator("#span-text")).to_be_focused()
    page.keyboard.type(words)
    page.keyboard.press("Enter")
    expect(page.locator("#span-text")).not_to_be_focused()


def spans(page: Page, take: str) -> list[tuple[str, int, int]]:
    said = call(page, "GET", f"/api/episodes/{take}/language")["subtasks"]
    return [(each["text"], each["first"], each["end"]) for each in said]


def remarks(page: Page, take: str) -> list[str]:
    return [each["text"] for each in call(page, "GET", f"/api/episodes/{take}/language")["remarks"]]


def blocks(page: Page, *words: str) -> None:
    expect(page.locator("#lane .span > span")).to_have_text(list(words))


def remark_and_delete(page: Page, take: str, frame: int) -> None:
    """A remark where a subtask begins is deleted, and not the subtask: it stays chosen when it is read again."""
    at(page, frame)
    write(page, "slipped", "i")
    until(lambda: remarks(page, take), ["slipped"])
    quiet(page)
    expect(page.locator("#span-text")).to_have_value("slipped")
    page.keyboard.press("Delete")
    until(lambda: remarks(page, take), [])
    quiet(page)


def test_subtasks_are_set_by_keys_encoded_edited_as_a_revision_and_taken_back(visit: Any, product: Any) -> None:
    page = visit("about:blank")
    ids = fill(product, "spans", 2, TICKS)
    opened(page, ids[0])
    write(page, "reach")
    blocks(page, "reach")
    at(page, 20)
    write(page, "lift")
    blocks(page, "reach", "lift")
    until(lambda: spans(page, ids[0]), [("reach", 0, 20), ("lift", 20, 41)])
    expect(page.locator("#span-words option")).to_have_count(2)  # what is there is suggested
    at(page, 25)
    page.keyboard.press("q")  # it begins later
    until(lambda: spans(page, ids[0]), [("reach", 0, 20), ("lift", 25, 41)])
    page.keyboard.press("z")
    until(lambda: spans(page, ids[0]), [("reach", 0, 20), ("lift", 20, 41)])
    blocks(page, "reach", "lift")
    quiet(page)
    page.keyboard.press("a")
    expect(page.locator("#span-text")).to_be_focused()
    page.keyboard.press("Escape")  # nothing is said: nothing stays
    blocks(page, "reach", "lift")
    remark_and_delete(page, ids[0], 20)
    blocks(page, "reach", "lift")

    commit(product, "spans", ids)
    root = product.home / "datasets" / "spans"
    assert [bool(DatasetFolder.open(root).language(n).language) for n in range(2)] == [True, False]
    opened(page, ids[0])
    blocks(page, "reach", "lift")
    page.locator("#lane .span").nth(1).click()
    page.keyboard.press("Delete")
    blocks(page, "reach")
    page.keyboard.press("z")  # not saved yet: it comes back without a revision
    blocks(page, "reach", "lift")
    page.locator("#lane .span").nth(1).click()
    page.keyboard.press("Delete")
    blocks(page, "reach")
    page.get_by_role("button", name="Save as a revision").click()
    saved = page.locator(".toast", has_text="Subtasks saved as a revision")
    saved.hover()  # it stays
    after = Language.parse({"subtasks": [{"first": 0, "end": 20, "text": "reach"}]}, TICKS)
    assert DatasetFolder.open(root).language(0).language == after
    saved.get_by_role("button", name="Undo").click()
    expect(page.locator(".toast", has_text="Undone")).to_be_visible(timeout=60_000)
    blocks(page, "reach", "lift")


def test_a_subtask_stays_when_what_was_so_before_it_comes(visit: Any, product: Any) -> None:
    page = visit("about:blank")
    (take,) = fill(product, "spans-late", 1, TICKS)
    opened(page, take)
    quiet(page)
    said = Late(page, "**/language")
    write(page, "reach")
    said.wait()
    at(page, 20)
    write(page, "lift")
    blocks(page, "reach", "lift")
    said.come()  # only the first one was there when it was asked for
    blocks(page, "reach", "lift")
    said.end()
    quiet(page)
    blocks(page, "reach", "lift")
    assert spans(page, take) == [("reach", 0, 20), ("lift", 20, 41)]
