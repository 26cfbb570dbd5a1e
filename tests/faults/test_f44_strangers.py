"""F44: Files that Git LFS, copies, macOS and other programs leave are put among the datasets of a running product.

They are named, skipped and counted; every page, image and command answers with a reason; once put right, they appear.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from robotdata.dataset import DatasetFolder
from robotdata.video.barcode import read
from robotdata.video.jpeg import decode_jpeg
from tests.dataset.conftest import FRONT, LENGTHS, TOP, _recorded, staged
from tests.recorder.sockets.conftest import Web
from tests.support import programs
from tests.support.nth_call import ROOT

__all__ = ["_recorded", "staged"]
pytestmark = pytest.mark.faults
OLD, BARE = "v21_g1_inspire", "v30_pusht_no_videos"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"7" * 64 + b"\nsize 54321\n"
EPISODES = "meta/episodes/chunk-000/file-000.parquet"
PARTS = (
    "cards",
    "wall",
    "wall/head",
    "wall/ids",
    "figures",
    "operations",
    "planned",
    "revisions",
    "tasks",
    "overview",
    "edit",
    "use",
    "history",
    "files",
    "settings",
    "frames",
)
SHOWN = {
    "f44-clutter": 6,
    "f44-empty": 6,
    "f44-no-videos": 6,
    "f44-pointers": 6,
    "f44-strangers": 6,
}


@dataclass
class Shelf:
    """The running product, its datasets, and what `manage.py recover` said of them."""

    web: Web
    root: Path
    good: Path
    code: int = 0
    said: str = ""

    def manage(self, *args: str) -> tuple[int, str]:
        command = [sys.executable, "manage.py", *args]
        done = programs.run(command, cwd=ROOT, env=self.web.env, capture_output=True, text=True, timeout=120)
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout + done.stderr

    def get(self, path: str) -> tuple[int, bytes]:
        """As a person's browser asks."""
        request = urllib.request.Request(self.web.url + path)
        request.add_header("Cookie", self.web.cookie)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def refusal(self, path: str) -> tuple[int, str]:
        status, data = self.get(path)
        return status, json.loads(data)["error"]["message"]

    def episodes(self, slug: str) -> list[dict[str, Any]]:
        found = self.web.api("GET", f"/episodes?dataset={slug}&limit=100")[1]["items"]
        return sorted(found, key=lambda each: each["episode_index"])

    def picture(self, slug: str, index: int, key: str, tick: int = 1) -> tuple[int, Any]:
        """(200, which frame it is), or the status and what was said."""
        pk = self.episodes(slug)[index]["id"]
        status, data = self.get(f"/media/{pk}/frame/{key}/{tick}.jpg")
        if status != 200:
            return status, json.loads(data)["error"]["message"]
        code = read(decode_jpeg(data))
        return status, (code.episode, code.tick)

    def lost(self, name: str) -> str:
        return self.lines(f"LOST Dataset {name}: ")

    def unopened(self, name: str) -> str:
        return self.lines(f"NOT OPENED Dataset {name}: ")

    def lines(self, start: str) -> str:
        return "\n".join(line for line in self.said.splitlines() if line.startswith(start))


@pytest.fixture(scope="module")
def shelf(web: Web, _recorded: Path) -> Shelf:
    made = Shelf(web, web.home / "datasets", _recorded / "datasets/cubes")
    made.root.mkdir(exist_ok=True)
    first = DatasetFolder.open(made.good).episode(0)
    assert first.data_file is not None
    files = [first.data_file.relative_to(made.good), first.videos[FRONT].path.relative_to(made.good)]

    def put(name: str) -> Path:
        return Path(shutil.copytree(made.good, made.root / name))

    def instead(data: bytes, *paths: Path) -> None:
        for path in paths:
            path.unlink()
            path.write_bytes(data)

    for name, data in (("f44-pointers", POINTER), ("f44-empty", b"")):
        folder = put(name)
        instead(data, *(folder / file for file in files))
    folder = put("f44-unfetched")
    instead(POINTER, *folder.rglob("*.parquet"), *folder.rglob("*.mp4"))
    instead(POINTER, put("f44-no-info") / "meta/info.json")
    instead(b"", put("f44-empty-info") / "meta/info.json")
    shutil.rmtree(put("f44-no-videos") / "videos")
    folder = put("f44-clutter")
    for inner in [folder, *(path for path in folder.rglob("*") if path.is_dir())]:
        (inner / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
        (inner / "Thumbs.db").write_bytes(b"thumbs")
        (inner / "notes.txt").write_text("mine")
    folder, table = put("f44-strangers"), pa.table({"a": [1, 2, 3]})
    for place in (
        "data/chunk-000/file-099.parquet",
        "data/notes.parquet",
        "meta/episodes/chunk-000/._file-000.parquet",
    ):
        pq.write_table(table, folder / place)
    (folder / "videos" / FRONT / "chunk-000/file-099.mp4").write_bytes(b"no video")
    put("f44 white space")
    (made.root / "f44-photos").mkdir()
    (made.root / "f44-photos/cup.jpg").write_bytes(b"a picture")
    (made.root / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (made.root / "f44-readme.txt").write_text("mine")
    for name in (OLD, BARE):
        sample = Path(os.environ.get("ROBOTDATA_TESTDATA", "")) / name
        if sample.is_dir():
            shutil.copytree(sample, made.root / f"f44-{name}", copy_function=shutil.copyfile)
            subprocess.run(["chmod", "-R", "u+w", str(made.root / f"f44-{name}")], check=True)
    made.code, made.said = made.manage("recover")
    return made


def test_recover_names_and_counts_each(shelf: Shelf) -> None:
    said = shelf.said
    assert shelf.code == 3, said
    for name, count in SHOWN.items():
        assert f"Dataset {name}: {count} episodes, found in its folder." in said
    for name, words in {
        "f44-pointers": "3 of 6 episodes are incomplete; the first: ",
        "f44-empty": "is missing or empty",
        "f44-no-videos": "6 of 6 episodes are incomplete; the first: ",
        "f44-unfetched": f"{EPISODES} cannot be read: it is a Git LFS pointer, not the file; run `git lfs pull`",
        "f44-no-info": "info.json cannot be read: it is a Git LFS pointer, not the file; run `git lfs pull`",
        "f44-empty-info": "info.json cannot be read: it is not valid JSON",
        "f44-strangers": "._file-000.parquet has neither length nor dataset_to_index",
    }.items():
        assert words in shelf.lost(name), (name, said)
    assert "cannot be used in a URL" in shelf.unopened("f44 white space")
    assert "ename it to f44-white-space." in shelf.unopened("f44 white space")
    assert "is a Git LFS pointer, not the file; run `git lfs pull`" in shelf.lost("f44-pointers")
    assert "It has no meta/info.json" in shelf.unopened("f44-photos")
    assert "f44-clutter" not in "".join(line for line in said.splitlines() if line.startswith("LOST"))
    assert not re.search(r"\.\.$", said, re.MULTILINE), said


def test_every_page_and_answer_of_them_is_one(shelf: Shelf) -> None:
    asked = ["/", "/datasets/", "/api/datasets?limit=200"]
    for slug in SHOWN:
        asked += [f"/datasets/{slug}/", *(f"/datasets/{slug}/{part}/" for part in PARTS), f"/api/datasets/{slug}"]
        asked += [f"/api/datasets/{slug}/planned", f"/api/datasets/{slug}/revisions"]
        for episode in shelf.episodes(slug)[:1]:
            pk = episode["id"]
            asked += [f"/api/episodes/{pk}", f"/episodes/{pk}/", f"/episodes/{pk}/card/"]
    answers = {path: shelf.get(path) for path in asked}
    assert not {path: answer for path, answer in answers.items() if answer[0] != 200}
    assert all(slug.encode() in answers["/datasets/"][1] for slug in SHOWN)
    listed = {each["slug"]: each for each in json.loads(answers["/api/datasets?limit=200"][1])["items"]}
    assert {slug: listed[slug]["total_episodes"] for slug in SHOWN} == SHOWN
    assert ".parquet" in listed["f44-strangers"]["problem"]
    unopened = {"f44-unfetched", "f44-no-info", "f44-empty-info", "f44-photos", "f44 white space"}
    assert not unopened & listed.keys()
    assert all(name.encode() in answers["/datasets/"][1] for name in unopened)


def test_pictures_and_rows_are_shown_or_it_is_said_why_not(shelf: Shelf) -> None:
    pull = "is a Git LFS pointer, not the video; run `git lfs pull`"
    for slug, words in {
        "f44-pointers": pull,
        "f44-empty": "is missing or empty",
        "f44-no-videos": "is missing",
    }.items():
        pk = shelf.episodes(slug)[0]["id"]
        for place in (f"frame/{FRONT}/1.jpg", f"strip/{FRONT}.jpg"):
            status, said = shelf.refusal(f"/media/{pk}/{place}")
            assert status == 410 and words in said and slug in said, (place, said)
        if slug == "f44-no-videos":
            status, said = shelf.refusal(f"/media/{pk}/video/{TOP}.mp4")
            assert status == 410 and words in said
            assert shelf.get(f"/media/{pk}/signals.bin")[0] == 200
        else:
            status, said = shelf.refusal(f"/media/{pk}/signals.bin")
            assert status == 410 and "file-000.parquet cannot be read" in said
            assert shelf.picture(slug, 0, TOP) == (200, (0, 1)), "the other camera is whole"
            assert shelf.picture(slug, 5, FRONT) == (200, (5, 1)), "so are episodes of other files"
    for slug in ("f44-clutter", "f44-strangers"):
        seen = [shelf.picture(slug, index, FRONT, length - 1) for index, length in enumerate(LENGTHS)]
        assert seen == [(200, (index, length - 1)) for index, length in enumerate(LENGTHS)], slug


def test_real_samples_that_lack_their_videos_or_are_old_are_told(shelf: Shelf, testdata: Path) -> None:
    assert f"Dataset f44-{BARE}: none of its videos is here" in shelf.said
    assert not shelf.lost(f"f44-{BARE}"), "who downloads a dataset without videos has lost nothing"
    said = shelf.unopened(f"f44-{OLD}")
    assert "v2.1" in said and "robotdata convert" in said and not shelf.lost(f"f44-{OLD}"), said
    first = shelf.episodes(f"f44-{BARE}")[0]
    assert shelf.get(f"/datasets/f44-{BARE}/")[0] == shelf.get(f"/episodes/{first['id']}/")[0] == 200
    status, said = shelf.refusal(f"/media/{first['id']}/strip/observation.image.jpg")
    assert status == 410 and "file-000.mp4 is missing or empty" in said
    assert shelf.get(f"/media/{first['id']}/signals.bin")[0] == 200
    assert shelf.get(f"/datasets/f44-{OLD}/")[0] == 404, "it is not a row, and no error of the program"


def test_verify_names_the_files(shelf: Shelf) -> None:
    code, said = shelf.manage("verify", "f44-strangers", "--deep")
    assert code == 3 and "6 episodes, 33 frames" in said, said
    assert "data/chunk-000/file-099.parquet: no episode is in this file (3 rows)" in said
    assert "chunk-000/file-099.mp4: no episode is in this video" in said and "._file-000.parquet" in said
    code, said = shelf.manage("verify", "f44-pointers")
    assert code == 3 and "data/chunk-000/file-000.parquet, episode 0: " in said, said
    assert said.count("run `git lfs pull`; episode 1 is incomplete") == 2, said


def test_once_the_bytes_are_fetched_everything_is_shown(shelf: Shelf) -> None:
    folder = shelf.root / "f44-pointers"
    for path in folder.rglob("*"):
        if path.is_file() and path.read_bytes() == POINTER:
            shutil.copyfile(shelf.good / path.relative_to(folder), path.with_name("fetched"))
            path.with_name("fetched").replace(path)
    assert shelf.picture("f44-pointers", 0, FRONT) == (200, (0, 1))
    assert shelf.get(f"/media/{shelf.episodes('f44-pointers')[0]['id']}/signals.bin")[0] == 200
