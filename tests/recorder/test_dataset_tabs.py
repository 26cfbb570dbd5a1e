"""The pages of one dataset: one header, links to all of them, and what each is for."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from pathlib import Path

from django.test import Client

from recorder.catalog.folder_parts import folder_parts
from recorder.jobs.revisions import Revision
from recorder.jobs.timeline import steps_of
from recorder.models import Dataset, Episode
from recorder.templatetags.dataset_pages import signed
from recorder.views.dataset_page import TABS

NOW = datetime(2026, 11, 3, tzinfo=UTC)


def revision(number: int, episodes: int | None, *, present: bool = False) -> Revision:
    frames = None if episodes is None else 10 * episodes
    return Revision(number, present, NOW, episodes, frames, "committed", "olga", {}, None, [])


def test_a_revision_is_compared_with_the_one_before_it() -> None:
    steps = steps_of([revision(5, 4, present=True), revision(4, 6), revision(2, 3), revision(1, 3)])
    assert [step.episodes for step in steps] == [-2, None, 0, 3], "3 is gone, so 4 is compared with nothing"
    assert [step.frames for step in steps] == [-20, None, 0, 30]
    assert [step.episodes for step in steps_of([revision(2, 4), revision(1, None)])] == [None, None]
    assert [signed(number) for number in (3, 0, -12)] == ["+3", "0", "−12"]


def test_a_folder_is_listed_by_its_parts(tmp_path: Path) -> None:
    for name, size in {
        "meta/info.json": 10,
        "meta/episodes/chunk-000/file-000.parquet": 20,
        "data/chunk-000/file-000.parquet": 300,
        "videos/observation.images.front/chunk-000/file-000.mp4": 500,
        "videos/observation.images.front/chunk-000/file-001.mp4": 700,
        "README.md": 7,
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * size)
    (tmp_path / "data/elsewhere").symlink_to("/etc")
    parts = {part.path: part for part in folder_parts(tmp_path)}
    assert list(parts) == ["data", "meta", "videos/observation.images.front", ""]
    front = parts["videos/observation.images.front"]
    assert (front.files, front.size, front.largest) == (2, 1200, 700)
    assert (parts["meta"].files, parts["meta"].size, parts[""].size) == (2, 30, 7)
    assert folder_parts(tmp_path / "missing") == []


def test_every_page_has_the_header_and_names_itself(olga: Client, four: list[Episode], cubes: Dataset) -> None:
    titles = set()
    for title, _, _ in TABS.values():
        home = olga.get("/datasets/cubes/").text
        (url,) = re.findall(rf'<a href="([^"]+)" data-holds="[^"]*"[^>]*>{title}</a>', home)
        page = olga.get(url).text
        assert f'aria-current="page">{title}</a>' in page and 'id="encode"' in page and "Nothing to encode" in page
        assert page.count("<h1>") == 1
        titles.add(re.findall("<title>(.*?)</title>", page)[0])
    assert len(titles) == len(TABS)


def test_they_have_what_is_looked_for(olga: Client, four: list[Episode], cubes: Dataset) -> None:
    files = olga.get("/datasets/cubes/files/").text
    assert "videos/observation.images." in files and 'id="download"' in files and "Push to the Hub" in files
    history = olga.get("/datasets/cubes/history/").text
    assert re.search(r"4 episodes · 26 frames <span[^>]*>\(\+4 episodes, \+26 frames\)", history)
    assert 'name="encoding.crf"' in olga.get("/datasets/cubes/settings/").text
    assert 'data-transfer-open="split-sheet"' in olga.get("/datasets/cubes/edit/").text


def test_a_dataset_without_episodes_says_so_on_each(olga: Client, cubes: Dataset) -> None:
    for page, words in {
        "edit": "Nothing to edit yet",
        "use": "nothing to load yet",
        "history": "No revision yet",
        "files": "no files yet",
        "settings": "Not known yet",
    }.items():
        assert words in olga.get(f"/datasets/cubes/{page}/").text


def test_files_of_a_folder_that_is_nested_deeply_are_counted(tmp_path: Path) -> None:
    folder = tmp_path.joinpath(*["d"] * 500)
    folder.mkdir(parents=True)
    (folder / "end").write_bytes(b"123")
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(400)
    try:
        parts = folder_parts(tmp_path)
    finally:
        sys.setrecursionlimit(limit)
    assert [(part.path, part.files, part.size) for part in parts] == [("", 1, 3)]
