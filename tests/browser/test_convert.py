"""Somebody finds a folder of version v2.1 on the Datasets page, converts it, and opens what it became."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.support.old_dataset import data_file, write_old

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def folders(product: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two datasets v2.1 among the datasets; one has an episode without rows. The product never sees half of one."""
    root = product.home / "datasets"
    root.mkdir(exist_ok=True)
    whole = write_old(tmp_path_factory.mktemp("old", numbered=True) / "older-cubes")
    torn = Path(shutil.copytree(whole, whole.parent / "torn-cubes"))
    data_file(torn, 1).unlink()
    for folder in (whole, torn):
        folder.rename(root / folder.name)
    product.recover()
    return root


def test_a_folder_becomes_a_dataset_by_one_press(visit: Any, folders: Path) -> None:
    page = visit("/datasets/")
    line = page.locator("#unopened .line", has_text="older-cubes")
    button = line.get_by_role("button", name="Convert to v3.0")
    expect(button).to_be_visible()
    button.focus()
    page.keyboard.press("Enter")
    link = line.get_by_role("link", name="older-cubes (v3.0)")
    expect(link).to_be_visible()
    expect(page.locator(".with-side").get_by_text("older-cubes (v3.0)")).to_be_visible()
    torn = page.locator("#unopened .line", has_text="torn-cubes")
    torn.get_by_role("button", name="Convert to v3.0").click()
    expect(torn).to_contain_text("episode 1: it has no data file")
    torn.get_by_role("button", name="Convert without it").click()
    expect(torn.get_by_role("link", name="torn-cubes (v3.0)")).to_be_visible()
    link.click()
    expect(page.get_by_role("heading", name="older-cubes (v3.0)")).to_be_visible()
