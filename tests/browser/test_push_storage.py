"""A dataset is pushed to object storage from its page: keys, a preview, what came out; and it is fetched again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support import browser
from tests.support.browser import Product, quiet
from tests.support.committing import commit
from tests.support.desk_data import fill
from tests.support.fake_s3 import KEY, SECRET, FakeS3
from tests.support.hub_steps import sent_files
from tests.support.looking import look
from tests.support.storage_steps import FOLDER, LIST, TARGET, no_keys, there

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def storage() -> Iterator[FakeS3]:
    """A storage; the user of this computer has no keys for any."""
    with FakeS3().running() as running, pytest.MonkeyPatch.context() as patch:
        for name, value in no_keys().items():
            patch.setenv(name, value)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
            patch.delenv(name, raising=False)
        yield running


@pytest.fixture(scope="module")
def product(storage: FakeS3, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with browser.running(tmp_path_factory.mktemp("home"), browser.RIG) as own:
        yield own


def fetch_it(page: Page) -> None:
    page.goto("/datasets/")
    quiet(page)
    page.get_by_role("button", name="Add a dataset").click()
    dialog = page.locator("#add-dataset")
    dialog.get_by_label("folder of a bucket").fill(TARGET)
    look(page, "storage-add")
    dialog.get_by_role("button", name="Fetch").click()
    expect(dialog.get_by_role("link", name="cubes")).to_be_visible()


def replace_another(page: Page, storage: FakeS3, count: int) -> None:
    """In the open sheet: the folder holds another dataset, which stays unless the person says so."""
    key = f"{FOLDER}/{LIST}"
    storage.fill(FOLDER, {LIST: storage.objects[key].data.replace(b'"dataset": "forks"', b'"dataset": "spoons"')})
    sheet = page.locator("#push-storage-sheet")
    sheet.get_by_label("Folder of a bucket").fill(TARGET)
    replace = sheet.get_by_label("Replace the dataset that is there: spoons")
    expect(replace).to_be_visible()
    push = sheet.get_by_role("button", name="Push", exact=True)
    expect(push).to_be_disabled()
    look(page, "storage-other")
    replace.check()
    expect(push).to_be_enabled()
    push.click()
    expect(sheet).to_be_hidden()
    expect(page.locator(".toast", has_text=f"all {count} are equal there")).to_be_visible()
    assert b'"dataset": "forks"' in storage.objects[key].data


def test_it_is_pushed_and_fetched_from_its_page(visit: Any, product: Any, storage: FakeS3) -> None:
    page = visit("/")
    commit(product, "forks", fill(product, "forks", 2, 8))
    page.goto("/datasets/forks/files/")
    quiet(page)
    look(page, "storage-files")
    page.get_by_role("button", name="Push to a bucket …").click()
    sheet = page.locator("#push-storage-sheet")
    expect(sheet.get_by_label("Access key")).to_be_focused()
    sheet.get_by_label("Access key").fill(KEY)
    sheet.get_by_label("Secret key").fill(SECRET)
    sheet.get_by_label("Address").fill(storage.url)
    look(page, "storage-keys")
    sheet.get_by_role("button", name="Keep the keys").click()
    address = sheet.get_by_label("Folder of a bucket")
    expect(address).to_be_focused()
    preview = sheet.locator("[data-part=preview]")
    address.fill("s3://other/forks")
    expect(preview.get_by_role("alert")).to_contain_text("has no bucket")
    look(page, "storage-refused")
    visit.forgive("409")  # the browser writes down the answer of 409
    address.fill(TARGET)
    files = sent_files(product.home / "datasets/forks")
    expect(preview).to_contain_text(f"{len(files)} files to send")
    expect(preview).to_contain_text("no dataset is there yet")
    look(page, "storage-preview")
    expect(sheet.get_by_role("button", name="Push", exact=True)).to_be_enabled()
    sheet.get_by_role("button", name="Push", exact=True).click()
    expect(sheet).to_be_hidden()
    expect(page.locator(".toast", has_text=f"all {len(files)} are equal there")).to_be_visible()
    assert there(storage) == files
    page.goto("/datasets/forks/files/")
    quiet(page)
    expect(page.locator("#storage")).to_contain_text(f"All {len(files)} files compared")
    assert SECRET not in page.content() and KEY not in page.content()
    look(page, "storage-done")
    fetch_it(page)
    page.goto("/datasets/forks/files/")
    quiet(page)
    page.get_by_role("button", name="Push to a bucket …").click()
    expect(address).to_be_focused()
    replace_another(page, storage, len(files))
    quiet(page)
    page.get_by_role("button", name="Push to a bucket …").click()
    sheet.get_by_role("button", name="Remove them").click()
    expect(sheet.get_by_label("Access key")).to_be_focused()
