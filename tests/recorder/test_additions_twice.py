"""Additions whose requests come twice or late, or whose process was killed: nothing is added twice, or mistaken."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from recorder.catalog import additions
from recorder.errors import Refused
from robotdata.dataset.exchange import land as landing
from robotdata.dataset.exchange import unpack as unpacking
from robotdata.dataset.exchange.addition import RUNNING, Incoming, Landed, Tree
from robotdata.dataset.exchange.land import land
from robotdata.files.lock import lock_file
from tests.support.coming_in import OLGA, _recorded, here, left_over, sample, staged, zip_of

__all__ = ["_recorded", "here", "sample", "staged"]
pytestmark = pytest.mark.django_db


def placed(here: Path, tree: Tree) -> Landed:
    return Landed(land(tree.path, here, tree.name, lambda _: False).name, tree.before)


def test_what_is_finished_twice_is_added_once(here: Path, sample: Path, tmp_path: Path) -> None:
    data = zip_of(sample, into=tmp_path / "cubes.zip").read_bytes()
    upload = additions.begin_upload(name="cubes.zip", size=len(data), actor=OLGA)
    additions.store_piece(addition_id=upload.id, offset=0, data=data, actor=OLGA)
    incoming = additions.incoming()
    copy = incoming.begin("cubes", paths=[sample])
    for begun, name in ((upload, "cubes"), (copy, "cubes-2")):
        both = [incoming.start(begun.id), incoming.start(begun.id)]  # two requests at a time pass the check
        ends = [incoming.run(each, partial(placed, here)) for each in both]
        assert [(end.state, [landed.name for landed in end.landed]) for end in ends] == [("done", [name])] * 2
        assert incoming.get(begun.id) == ends[0]
    assert sorted(path.name for path in here.glob("[!.]*")) == ["cubes", "cubes-2"]


def test_a_piece_that_comes_when_its_upload_has_ended_changes_nothing(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = additions.begin_upload(name="x.zip", size=10, actor=OLGA)
    lock = Incoming._lock

    def cancel_first(incoming: Incoming, addition_id: str) -> Any:
        monkeypatch.setattr(Incoming, "_lock", lock)
        additions.cancel_addition(addition_id=begun.id, actor=OLGA)
        return lock(incoming, addition_id)

    monkeypatch.setattr(Incoming, "_lock", cancel_first)
    with pytest.raises(Refused, match="ended"):
        additions.store_piece(addition_id=begun.id, offset=0, data=b"01", actor=OLGA)
    assert additions.addition_of(begun.id).state == "cancelled"
    assert left_over(here) == []


@pytest.mark.parametrize("moved", [False, True])
def test_a_move_that_was_killed_is_looked_up_before_its_folder_goes(moved: bool, here: Path, sample: Path) -> None:
    incoming = additions.incoming()
    begun = incoming.begin("cubes", paths=[sample])
    folder = here / ".incoming" / begun.id
    (folder / "tree").mkdir()
    moving = (str(sample), (folder / "tree").stat().st_ino)
    incoming._save(replace(begun, state=RUNNING, moving=moving))  # its process is gone
    if moved:
        (folder / "tree").rename(here / "cubes")
    incoming.tidy()
    assert not (folder / "tree").exists()
    after = incoming.get(begun.id)
    assert after is not None
    assert after.moving is None  # a folder that gets the inode later is somebody else's
    assert [landed.name for landed in after.landed] == (["cubes"] if moved else [])
    assert incoming.run(incoming.start(begun.id), partial(placed, here)).landed[0].name == "cubes"


def test_uploads_at_once_share_the_free_space(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "RESERVE_BYTES", 0)  # the disk of the tests may be small
    size = shutil.disk_usage(here.parent).free * 6 // 10
    first = additions.begin_upload(name="a.zip", size=size, actor=OLGA)
    with pytest.raises(Refused, match=f"{size:,} are for other datasets"):
        additions.begin_upload(name="b.zip", size=size, actor=OLGA)
    additions.begin_upload(name="small.zip", size=10, actor=OLGA)
    additions.cancel_addition(addition_id=first.id, actor=OLGA)
    assert additions.begin_upload(name="b.zip", size=size, actor=OLGA).state == "uploading"


def test_a_piece_that_comes_while_another_is_stored_is_asked_to_come_again(here: Path) -> None:
    begun = additions.begin_upload(name="x.zip", size=10, actor=OLGA)
    with additions.incoming()._lock(begun.id), pytest.raises(Refused) as refused:
        additions.store_piece(addition_id=begun.id, offset=0, data=b"01", actor=OLGA)
    assert (refused.value.code, refused.value.status) == ("busy", 503)
    assert additions.store_piece(addition_id=begun.id, offset=0, data=b"01", actor=OLGA).done == 2


def test_a_dataset_is_moved_up_once_no_other_is_being_moved(
    here: Path, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(sample, here / "ann/cubes")
    monkeypatch.setattr(landing, "_LOCK_WAIT_S", 0.0)
    holder = lock_file(here / ".landing.lock")
    with pytest.raises(Refused) as refused:
        additions.add_paths(paths=[str(here / "ann/cubes")], actor=OLGA)
    assert refused.value.code == "busy"
    os.close(holder)
    assert additions.add_paths(paths=[str(here / "ann/cubes")], actor=OLGA).landed[0].name == "cubes"
