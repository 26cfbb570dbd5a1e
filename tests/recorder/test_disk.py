"""The disk's list: real blocks, files with several names once, and what freeing each thing frees."""

from __future__ import annotations

import os
import re
import threading
from collections import Counter
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from recorder.actor import Actor
from recorder.catalog import disk
from recorder.catalog.dataset_trash import trash_dataset
from recorder.catalog.disk import Disk, Item, Kind, measure
from recorder.catalog.older_copies import start_older_copy
from recorder.catalog.sending import open_archive
from recorder.errors import Refused
from recorder.jobs.revising import apply_changes
from recorder.models import Dataset, Episode
from recorder.review.free_space import free_space
from recorder.review.verdicts import set_verdict
from recorder.worker import run
from robotdata import numbers
from robotdata.files.blocks import blocks_of
from tests.recorder.conftest import frames

MakeEpisode = Callable[..., Episode]
pytestmark = pytest.mark.django_db(transaction=True)
OLGA = Actor("olga")


@pytest.fixture
def full(four: list[Episode], cubes: Dataset, make_episode: MakeEpisode) -> Dataset:
    """A dataset with a revision, a prepared download, a copy as v2.1, a take and a rejected take."""
    set_verdict(episodes=[four[1]], verdict="reject", actor=OLGA)
    assert run.run_operation(apply_changes(dataset=cubes, actor=OLGA).pk)
    make_episode(4, verdict="unreviewed")
    make_episode(4, verdict="reject")
    cubes.refresh_from_db()
    open_archive(dataset=cubes, actor=OLGA, episodes=[0])
    assert run.run_operation(start_older_copy(dataset=cubes, actor=OLGA).pk)
    return cubes


def item(measured: Disk, kind: Kind) -> Item:
    return next(each for each in measured.items if each.kind is kind)


def test_a_file_with_two_names_counts_once(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a/one").write_bytes(b"x" * 100_000)
    folders = blocks_of([tmp_path / "b"]).size
    os.link(tmp_path / "a/one", tmp_path / "b/one")
    (tmp_path / "b/two").write_bytes(b"y" * 50_000)
    (tmp_path / "b/away").symlink_to(tmp_path / "a")
    both, a, b = blocks_of([tmp_path / "a", tmp_path / "b"]), blocks_of([tmp_path / "a"]), blocks_of([tmp_path / "b"])
    assert both.size == both.freed < a.size + b.size
    assert a.freed == folders and a.size >= 100_000, "its file stays under the other name"
    assert 50_000 <= b.freed < 100_000 + folders and blocks_of([tmp_path / "missing"]).size == 0
    sparse = tmp_path / "sparse"
    with sparse.open("wb") as file:
        file.truncate(1 << 30)
    assert blocks_of([sparse]).size < 1 << 20, "blocks, not lengths"


def test_each_thing_is_listed_and_freed(full: Dataset) -> None:
    whole, measured = frames(full), measure()
    kinds = {each.kind for each in measured.items}
    assert kinds >= {Kind.DATASET, Kind.REVISIONS, Kind.DOWNLOADS, Kind.EXPORT, Kind.TAKES, Kind.REJECTED}
    assert measured.total <= sum(each.size for each in measured.items) and measured.free > 0
    assert [row[:2] for row in measured.rows()] == [("cubes", "Cubes")]
    for kind in (Kind.REVISIONS, Kind.DOWNLOADS, Kind.EXPORT, Kind.REJECTED):
        before = measure()
        thing = item(before, kind)
        assert thing.can_free
        assert free_space(kind=kind, name=thing.name, actor=OLGA) == thing.freed > 0
        after = measure()
        assert kind not in {each.kind for each in after.items} or not item(after, kind).can_free
        assert abs(before.total - after.total - thing.freed) <= 1 << 16, "no more and no less, but for folders"
    assert frames(full) == whole and Episode.objects.get(verdict="unreviewed").take_path.is_dir()


def test_a_dataset_in_the_trash_frees_its_takes_too(full: Dataset) -> None:
    trash_dataset(dataset=full, actor=OLGA)
    thing = item(measure(), Kind.TRASHED)
    assert thing.title == "Cubes" and {each.kind for each in measure().items} <= {
        Kind.TRASHED,
        Kind.EXPORT,
        Kind.WORK,
        Kind.FOLDER,
    }
    assert free_space(kind=Kind.TRASHED, name=thing.name, actor=OLGA) == thing.freed > 0
    assert not Dataset.with_trash.exists()


def test_what_is_not_there_or_in_use_is_refused(full: Dataset) -> None:
    for kind, name, code in (
        (Kind.DATASET, "cubes", "invalid"),
        (Kind.TAKES, "cubes", "invalid"),
        (Kind.EXPORT, "../cubes", "gone"),
        (Kind.EXPORT, "nothing", "gone"),
        (Kind.UPLOAD, "nothing", "gone"),
        (Kind.TRASHED, "cubes", "not_in_trash"),
        (Kind.REVISIONS, "cups", "no_dataset"),
    ):
        with pytest.raises(Refused) as refused:
            free_space(kind=kind, name=name, actor=OLGA)
        assert refused.value.code == code
    set_verdict(episodes=[full.episodes.committed()[0]], verdict="reject", actor=OLGA)
    apply_changes(dataset=full, actor=OLGA)
    with pytest.raises(Refused, check=lambda refused: refused.code == "running"):
        free_space(kind=Kind.REVISIONS, name="cubes", actor=OLGA)


def test_the_page_and_the_api_do_not_wait(
    full: Dataset, client: Client, admin_user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(admin_user)
    disk._measured._known.clear()
    measure, may_measure = disk.measure, threading.Event()
    monkeypatch.setattr(disk, "measure", lambda: may_measure.wait(60) and measure())
    assert client.get("/api/disk").json()["running"] and b"Measuring" in client.get("/disk/").content
    may_measure.set()
    while (answer := client.get("/api/disk").json())["running"]:
        threading.Event().wait(0.01)
    assert {"cubes"} <= {each["name"] for each in answer["items"]} and answer["at"]
    page = client.get("/disk/").content.decode()
    assert "Cubes" in page and "/api/disk/free" in page and "written as v2.1" in page
    body = {"kind": "revisions", "name": "cubes"}
    assert client.post("/api/disk/free", body, content_type="application/json").json()["freed_bytes"] > 0
    while (answer := client.get("/api/disk").json())["running"]:
        threading.Event().wait(0.01)
    assert not any(each["kind"] == "revisions" and each["can_free"] for each in answer["items"])


def test_the_commands(full: Dataset) -> None:
    def said(*words: str) -> str:
        out = StringIO()
        call_command(*words, stdout=out)
        return out.getvalue()

    assert "--free revisions cubes" in said("disk") and "in total" in said("disk")
    assert "Freed" in said("disk", "--free", "revisions", "cubes")
    with pytest.raises(CommandError):
        call_command("disk", "--free", "dataset", "cubes")
    assert "Pots: " in said("rename", "cubes", "Pots", "--folder")
    assert "in the trash as pots+" in said("trash", "pots")
    name = said("trash").split(":")[0]
    assert "Pots" in said("trash") and "is back in" in said("trash", "--restore", name)
    said("trash", "pots")
    assert "is deleted" in said("trash", "--delete", said("trash").split(":")[0]) and said("trash") == ""
    with pytest.raises(CommandError):
        call_command("trash", "pots")


def test_the_disk_page_the_datasets_page_and_the_api_say_one_size_of_one_thing(
    full: Dataset, administrator: Client
) -> None:
    disk._measured._known.clear()
    while (answer := administrator.get("/api/disk").json())["running"]:
        threading.Event().wait(0.01)
    sizes = [numbers.size(each["size"]) for each in answer["items"] if each["name"] == "cubes"]
    assert len(sizes) >= 4
    everywhere = words(administrator.get("/disk/").text)
    line = everywhere[everywhere.index("Cubes") : everywhere.index("Other")]
    own = words(administrator.get("/datasets/cubes/disk/").text)
    own = own[: own.index("Measured")]
    for page in (line, own):
        assert Counter(re.findall(SIZE, page)) == Counter(sizes)
    assert f"{numbers.size(answer['total'])} in total" in everywhere


SIZE = r"(?<!Free )(?<![\d.])[\d.,]+ (?:B|kB|MB|GB)\b"


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


def test_a_rig_that_has_recorded_nothing_takes_no_space(settings: Any, tmp_path: Path) -> None:
    settings.SPOOL_DIR, settings.STAGING_DIR, settings.DATASETS_DIR = (tmp_path / name for name in "abc")
    for folder in (settings.SPOOL_DIR, settings.DATASETS_DIR):
        folder.mkdir()
    (settings.SPOOL_DIR / ".rig-sim.lock").write_text("12")
    assert not [each.title for each in measure().items]
    (settings.SPOOL_DIR / "notes.txt").write_text("12")
    assert [each.title for each in measure().items] == ["Takes that belong to no dataset"]
