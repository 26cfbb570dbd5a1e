"""A person adds a zip file on the page, sees it as a dataset, and takes it away again as a zip file and a film."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from robotdata.dataset.write.new_episode import NewEpisode
from robotdata.imports.streams import PICTURES
from robotdata.video import open_video
from tests.dataset.conftest import LENGTHS, _recorded, staged
from tests.support.browser import Visit
from tests.support.foreign import one_of
from tests.support.in_sight import into_sight
from tests.support.late import Late
from tests.support.looking import look

__all__ = ["_recorded", "staged"]
pytestmark = pytest.mark.browser


def download(page: Page, name: str, folder: Path) -> Path:
    """Press the link and return what the browser saved."""
    with page.expect_download(timeout=120_000) as begun:
        page.get_by_role("link", name=name).click()
    path = folder / begun.value.suggested_filename
    begun.value.save_as(path)
    return path


def test_a_dataset_comes_in_and_goes_out(
    visit: Visit, tmp_path: Path, _recorded: Path, staged: Sequence[NewEpisode]
) -> None:
    shutil.copytree(_recorded / "datasets/cubes", tmp_path / "in/from-afar")
    packed = Path(shutil.make_archive(str(tmp_path / "from-afar"), "zip", tmp_path / "in"))
    page = visit("/datasets/")
    page.get_by_role("button", name="Add a dataset").first.click()
    dialog = page.get_by_role("dialog", name="Add a dataset")

    shutil.copytree(_recorded / "datasets/cubes", tmp_path / "other/elsewhere")
    late = Late(page, "**/api/additions/look")
    dialog.get_by_label("Path").fill(str(tmp_path / "other"))
    dialog.get_by_role("button", name="Look inside").click()
    late.wait()
    late.holding = False
    dialog.get_by_label("Path").fill(str(tmp_path / "in"))
    dialog.get_by_role("button", name="Look inside").click()
    expect(dialog.get_by_role("checkbox", name="from-afar")).to_be_checked()
    late.come()  # what was asked for before
    expect(dialog.get_by_role("checkbox", name="elsewhere")).to_have_count(0)
    expect(dialog.get_by_role("checkbox", name="from-afar")).to_be_checked()
    dialog.get_by_role("button", name="Back").click()

    dialog.get_by_label("Choose it").set_input_files(packed)
    link = dialog.get_by_role("link", name="from-afar")
    expect(link).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="from-afar")).to_be_visible()
    page.get_by_role("link", name="Files", exact=True).click()
    expect(page.locator("#download .num")).to_contain_text("kB")

    look(page, "files-tar")
    sent = download(page, "Download", tmp_path)
    with zipfile.ZipFile(sent) as archive:
        assert archive.testzip() is None
        assert set(archive.namelist()) == set(zipfile.ZipFile(packed).namelist()) - folders_of(packed)
    page.goto(page.url.removesuffix("files/") + "?view=committed&sort=oldest")
    page.locator("#cards .take a").first.click()
    expect(page.get_by_role("link", name="MP4")).to_be_visible()
    into_sight(page.get_by_role("link", name="MCAP"))
    look(page, "episode-downloads")
    film = download(page, "MP4", tmp_path)
    with open_video(film) as video:
        assert video.count in LENGTHS
    recording, _ = one_of(download(page, "MCAP", tmp_path))
    assert {stream.count for stream in recording.streams if stream.kind in PICTURES} == {video.count}


def folders_of(path: Path) -> set[str]:
    with zipfile.ZipFile(path) as archive:
        return {info.filename for info in archive.infolist() if info.is_dir()}
