"""Somebody repairs a dataset, takes it back, writes it as v2.1, frees the disk, deletes it and brings it back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import quiet
from tests.support.committing import commit
from tests.support.desk_data import call, fill, until
from tests.support.looking import look
from tests.support.questions import let_questions_stay

pytestmark = pytest.mark.browser


def test_a_dataset_is_looked_after(visit: Any, product: Any) -> None:
    page = visit("about:blank")
    root = product.home / "datasets" / "jars"
    commit(product, "jars", fill(product, "jars", 3, 8))
    until(lambda: product.api.call("GET", "/api/datasets/jars")["total_episodes"], 3, within_s=90)
    told = json.loads((root / "meta/info.json").read_text())
    wrong = product.home / "info.json"
    wrong.write_text(json.dumps(told | {"total_frames": 7}))
    wrong.rename(root / "meta/info.json")  # nobody reads half of it
    repair_and_undo(page, root)
    write_older_and_free(page)
    delete_and_restore(page, root)
    assert json.loads((root / "meta/info.json").read_text()) == told | {"total_frames": 7}, "as it was"


def repair_and_undo(page: Page, root: Path) -> None:
    info = root / "meta/info.json"
    page.goto("/datasets/jars/files/")
    quiet(page)
    page.locator("#open-repair").click()
    sheet = page.locator("#repair-sheet")
    expect(sheet).to_contain_text("total_frames 7 -> 24")
    look(page, "repair")
    sheet.get_by_role("button", name="Repair", exact=True).click()
    expect(sheet).to_be_hidden()
    until(lambda: json.loads(info.read_text())["total_frames"], 24, within_s=90)
    until(lambda: call(page, "GET", "/api/datasets/jars")["revision"], 2, within_s=90)
    page.goto("/operations/")
    operation = page.locator(".operation", has_text="jars").filter(has_text="put right what the report lists")
    undo = operation.get_by_role("button", name="Undo")
    expect(undo).to_be_visible()
    look(page, "repaired")
    let_questions_stay(page)
    undo.click()
    operation.get_by_role("button", name="Undo it?").click()
    until(lambda: json.loads(info.read_text())["total_frames"], 7, within_s=90)
    until(lambda: call(page, "GET", "/api/datasets/jars")["revision"], 3, within_s=90)


def write_older_and_free(page: Page) -> None:
    page.goto("/datasets/jars/files/")
    quiet(page)
    page.locator("#write-older").click()
    expect(page.get_by_role("link", name="Download v2.1")).to_be_visible()
    look(page, "older")

    page.goto("/disk/")
    row = page.locator("tr", has_text="jars")
    free = row.get_by_role("button", name="revisions of jars")
    expect(free).to_be_visible()
    look(page, "disk")
    let_questions_stay(page)
    free.click()
    row.get_by_role("button", name="revisions of jars").click()
    expect(page.locator(".toast", has_text="Freed")).to_be_visible()
    expect(row.get_by_role("button", name="revisions of jars")).to_have_count(0)


def delete_and_restore(page: Page, root: Path) -> None:
    page.goto("/datasets/jars/settings/")
    quiet(page)
    page.locator("#open-delete").click()
    look(page, "delete")
    page.locator("#delete-sheet").get_by_role("button", name="Move to the trash").click()
    line = page.locator(".line", has_text="jars").filter(has_text="kept until")
    expect(line).to_be_visible()
    assert not root.exists()
    look(page, "trash")
    page.goto("/datasets/jars/")
    expect(page.get_by_text("This dataset is in the trash.")).to_be_visible()
    look(page, "in-trash")
    page.get_by_role("button", name="Restore").click()
    until((root / "meta/info.json").exists, True)
    expect(page.get_by_role("navigation", name="Pages of this dataset")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text(call(page, "GET", "/api/datasets/jars")["title"])
