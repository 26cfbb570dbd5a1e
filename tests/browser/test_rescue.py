"""Somebody finds a folder on the Datasets page that cannot be opened, reads what a repair would do, and repairs it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from robotdata.dataset.convert.run import convert_dataset
from tests.support.browser import quiet
from tests.support.looking import look
from tests.support.old_dataset import write_old

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def broken(product: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset without info.json and table of episodes among the datasets."""
    home = tmp_path_factory.mktemp("broken")
    convert_dataset(write_old(home / "old"), home / "lost-cubes", work=home / "work")
    shutil.rmtree(home / "lost-cubes/meta/episodes")
    (home / "lost-cubes/meta/info.json").unlink()
    root = Path(product.home) / "datasets"
    root.mkdir(exist_ok=True)
    shutil.move(home / "lost-cubes", root / "lost-cubes")
    product.recover()
    return root / "lost-cubes"


def test_the_report_comes_first_and_the_folder_stays(visit: Any, broken: Path) -> None:
    page = visit("/datasets/")
    line = page.locator("#unopened .line", has_text="lost-cubes")
    button = line.get_by_role("button", name="Check and repair")
    expect(button).to_be_visible()
    button.focus()
    page.keyboard.press("Enter")
    repair = line.get_by_role("button", name="Repair into a new dataset")
    expect(repair).to_be_visible()
    expect(line).to_contain_text("the table of episodes is made of the rows")
    look(page, "rescue")
    page.evaluate("window.htmx.trigger(document.getElementById('unopened'), 'moved')")  # something else is under way
    quiet(page)
    expect(repair).to_be_visible()
    repair.click()
    link = line.get_by_role("link", name="lost-cubes (repaired)")
    expect(link).to_be_visible()
    assert not (broken / "meta/info.json").exists()
    link.click()
    expect(page.get_by_role("heading", name="lost-cubes (repaired)")).to_be_visible()
