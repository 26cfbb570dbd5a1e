"""Folders that cannot be opened are lines on the pages, with what to do; the terminal calls lost what is lost."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from recorder.actor import WORKER
from recorder.catalog import unknown_folders
from recorder.models import Dataset, Episode, Unopened
from recorder.worker.recover import recover
from recorder.worker.sweep import sweep
from robotdata.dataset.write.new_episode import NewEpisode
from tests.dataset.conftest import _recorded, staged
from tests.recorder.conftest import write_take

__all__ = ["_recorded", "staged"]
TAKE = "0b9d4fd4-58a2-4a6d-8a6f-6a3a3ff4a001"


@pytest.fixture
def shelf(home: Path, db: None, bells: Any, _recorded: Path, staged: Sequence[NewEpisode]) -> Path:
    """The datasets folder: one good dataset, and one of each kind that cannot be opened."""
    root = home / "datasets"
    good = Path(shutil.copytree(_recorded / "datasets/cubes", root / "good"))

    def put(name: str) -> Path:
        return Path(shutil.copytree(good, root / name))

    for name, version in (("older", "v2.1"), ("oldest", "v2.0")):
        info = put(name) / "meta/info.json"
        info.write_text(json.dumps(json.loads(info.read_text()) | {"codebase_version": version}))
    put("white space")
    (root / "photos").mkdir()
    (root / "user").mkdir()
    put("user/cloth")
    shutil.rmtree(put("killed") / "meta/episodes")
    (root / "killed/meta/robotdata.json").unlink()  # LeRobot writes none
    shutil.copytree(good, home / "elsewhere")
    (root / "link").symlink_to(home / "elsewhere")
    (root / "dangling").symlink_to(home / "nowhere")
    (put("damaged") / "meta/info.json").write_bytes(b"{")
    return root


@pytest.fixture
def client(db: None) -> Client:
    made = Client()
    made.force_login(User.objects.create_user("olga"))
    return made


def lines() -> dict[str, Unopened]:
    return {row.name: row for row in Unopened.objects.all()}


def test_each_is_a_line_that_says_why_and_what_to_do(shelf: Path) -> None:
    report = recover()
    found = lines()
    assert [row.slug for row in Dataset.objects.all()] == ["good"]
    assert found.keys() == {
        *("older", "oldest", "white space", "photos", "user", "killed", "link", "dangling", "damaged"),
    }
    assert "v2.1" in found["older"].what and "robotdata convert older" in found["older"].cure
    assert found["older"].remedy == found["oldest"].remedy == "convert"
    assert "v2.0" in found["oldest"].what and not found["photos"].remedy
    assert "white-space" in found["white space"].cure
    assert "cloth" in found["user"].why and "mv " in found["user"].cure
    assert "elsewhere" in found["link"].why and "nowhere" in found["dangling"].why
    assert ".mp4" in found["killed"].why and "frames)" in found["killed"].why
    assert all(row.cure for row in found.values())
    assert [line.split(":")[0] for line in report.lost] == ["Dataset damaged"]
    assert len(report.unopened) == 8


def test_the_terminal_calls_nothing_lost_that_is_only_of_another_kind(shelf: Path) -> None:
    shutil.rmtree(shelf / "damaged")
    out = StringIO()
    call_command("recover", stdout=out)
    assert "LOST" not in out.getvalue() and out.getvalue().count("NOT OPENED") == 8
    assert recover().code == 0


def test_the_pages_show_them_and_nothing_where_there_is_nothing(shelf: Path, client: Client) -> None:
    assert 'id="unopened"' not in client.get("/datasets/").content.decode()
    assert "#unopened" not in client.get("/").content.decode()
    recover()
    page = client.get("/datasets/").content.decode()
    assert all(name in page for name in lines()) and page.count("Convert to v3.0") == 2
    home = client.get("/").text
    assert "9</b>" in home.partition('data-waits="unopened"')[2][:200] and "#unopened" in home
    listed = client.get("/api/unopened?limit=4").json()
    rest = client.get(f"/api/unopened?after={listed['next']}").json()
    assert {each["name"] for each in listed["items"] + rest["items"]} == lines().keys() and rest["next"] is None


def test_what_is_put_right_leaves_the_list_by_itself(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recover()
    (shelf / "white space").rename(shelf / "white-space")
    (shelf / "user/cloth").rename(shelf / "cloth")
    shutil.rmtree(shelf / "user")
    (shelf / "dangling").unlink()
    shutil.copyfile(shelf / "good/meta/info.json", shelf / "damaged/meta/info.json")
    sweep()
    assert {row.slug for row in Dataset.objects.all()} == {"good"}, "it may be in the middle of being copied"
    monkeypatch.setattr(unknown_folders, "SETTLED_S", 0.0)
    sweep()
    assert {row.slug for row in Dataset.objects.all()} == {"good", "white-space", "cloth", "damaged"}
    assert lines().keys() == {"older", "oldest", "photos", "killed", "link"}


def test_the_sweep_reads_nothing_again_that_is_as_it_was(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recover()
    monkeypatch.setattr(unknown_folders, "SETTLED_S", 0.0)
    assert unknown_folders.adopt_unknown_folders(Dataset.objects.all(), Unopened.objects.all(), actor=WORKER) == []
    os.utime(shelf / "photos", (time.time(), time.time()))
    again = unknown_folders.adopt_unknown_folders(Dataset.objects.all(), Unopened.objects.all(), actor=WORKER)
    assert [each.name for each in again] == ["photos"]


def test_a_take_that_cannot_be_read_is_a_line_until_it_can(home: Path, bells: Any, client: Client) -> None:
    folder = home / "spool" / TAKE
    write_take(folder, number=1, ticks=3, cameras=())
    whole = (folder / "take.json").read_text()
    (folder / "take.json").write_text(whole.replace('"fps": 30', '"fps": "30"'))
    assert recover().code == 1
    assert "fps" in lines()[TAKE].why and TAKE in client.get("/datasets/").content.decode()
    sweep()
    assert TAKE in lines()
    (folder / "take.json").write_text(whole)
    sweep()
    assert not lines() and Episode.objects.get().state == "recorded"


def test_a_take_whose_folder_goes_leaves_the_list(home: Path, bells: Any, db: None) -> None:
    folder = home / "spool" / TAKE
    write_take(folder, number=1, ticks=3, cameras=())
    (folder / "take.json").write_text("{")
    recover()
    assert lines().keys() == {TAKE}
    shutil.rmtree(folder)
    sweep()
    assert not lines()


def test_the_case_of_a_recording_that_was_killed(home: Path, bells: Any, db: None, cases: Path) -> None:
    name = "lerobot044_killed_before_finalize"
    shutil.copytree(cases / "datasets" / name, home / "datasets" / name)
    recover()
    why = lines()[name].why
    assert "observation.images.front" in why and "observation.images.wrist" in why and "cut off" in why


def test_a_dataset_of_ours_without_its_table_is_lost(home: Path, bells: Any, db: None, _recorded: Path) -> None:
    shutil.copytree(_recorded / "datasets/cubes", home / "datasets/cubes")
    shutil.rmtree(home / "datasets/cubes/meta/episodes")
    report = recover()
    assert report.code == 1 and "meta/episodes" in report.lost[0] and "cubes" in lines()
