"""A dataset is pushed to the Hub from its page: a token, a preview, a card, progress, and what came out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support import browser
from tests.support.browser import Product, quiet
from tests.support.committing import commit
from tests.support.desk_data import fill
from tests.support.fake_hub import TOKEN, FakeHub
from tests.support.hub_steps import REPO, sent_files
from tests.support.looking import look

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def hub() -> Iterator[FakeHub]:
    """A Hub on which nobody of this computer is signed in."""
    with FakeHub().running() as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", running.url)
        patch.setenv("HF_TOKEN_PATH", "/nowhere/token")
        for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
            patch.delenv(name, raising=False)
        yield running


@pytest.fixture(scope="module")
def product(hub: FakeHub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with browser.running(tmp_path_factory.mktemp("home"), browser.RIG) as own:
        yield own


def test_it_is_pushed_from_its_page(visit: Any, product: Any, hub: FakeHub) -> None:
    commit(product, "spoons", fill(product, "spoons", 2, 8))
    page = visit("/datasets/spoons/files/")
    quiet(page)
    page.get_by_role("button", name="Push to the Hub …").click()
    sheet = page.locator("#push-sheet")
    expect(sheet.get_by_label("Access token of")).to_be_focused()
    look(page, "push-token")
    sheet.get_by_label("Access token of").fill(TOKEN)
    sheet.get_by_role("button", name="Keep the token").click()
    expect(sheet.get_by_label("Repository")).to_be_focused()
    sheet.get_by_label("Repository").fill(REPO)
    files = sent_files(product.home / "datasets/spoons")
    expect(sheet.locator("[data-part=preview]")).to_contain_text(f"{len(files)} files to send")
    expect(sheet.locator("[data-part=preview]")).to_contain_text("will be made")
    look(page, "push-preview")
    sheet.get_by_text("Dataset card").click()
    sheet.get_by_label("Licence").select_option("mit")
    card = sheet.get_by_label("README.md")
    expect(card).to_have_value(re.compile("license: mit"))
    look(page, "push-card")
    card.fill("# Spoons of ours\n")
    expect(sheet.get_by_role("button", name="Push", exact=True)).to_be_enabled()
    sheet.get_by_role("button", name="Push", exact=True).click()
    expect(sheet).to_be_hidden()
    toast = page.locator(".toast", has_text=f"all {len(files)} are equal there")
    expect(toast.get_by_role("link", name="the repository")).to_be_visible()
    look(page, "push-toast")
    page.goto("/operations/")
    line = page.locator("article.operation", has_text=f"push to {REPO}")
    expect(line).to_contain_text(f"All {len(files)} files compared")
    expect(line.get_by_role("link", name=f"Open {REPO}")).to_be_visible()
    look(page, "push-done")
    there = hub.content(REPO)
    assert there.pop("README.md") == b"# Spoons of ours\n"
    del there[".gitattributes"]
    assert there == files and hub.repos[REPO].private
    page.goto("/datasets/spoons/files/")
    quiet(page)
    page.get_by_role("button", name="Push to the Hub …").click()
    sheet.get_by_label("Repository").fill(REPO)
    expect(sheet.locator("[data-part=preview]")).to_contain_text("every file is there already")
    assert TOKEN not in page.content()
    fetch_again(page)
    page.goto("/datasets/spoons/files/")
    quiet(page)
    page.get_by_role("button", name="Push to the Hub …").click()
    sheet.get_by_role("button", name="Remove it").click()
    expect(sheet.get_by_label("Access token of")).to_be_focused()


def fetch_again(page: Page) -> None:
    """Add the dataset that was pushed, as a person who has it from the Hub."""
    page.goto("/datasets/")
    quiet(page)
    page.get_by_role("button", name="Add a dataset").click()
    dialog = page.locator("#add-dataset")
    dialog.get_by_label("Repository").fill(REPO)
    look(page, "pull")
    dialog.get_by_role("button", name="Fetch").click()
    expect(dialog.get_by_role("link", name="cubes")).to_be_visible()
    look(page, "pulled")
    dialog.get_by_role("link", name="cubes").click()
    expect(page.get_by_role("heading", name="cubes", level=1)).to_be_visible()
