"""Datasets come in from zip files and folders: whole, under a free name, and what cannot be opened is said."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from recorder.catalog import additions, unknown_folders
from recorder.errors import Refused
from recorder.models import Dataset, Unopened
from recorder.worker.sweep import sweep
from robotdata.dataset import DatasetFolder, verify_dataset
from robotdata.dataset.exchange.addition import INTERRUPTED, RUNNING, Addition, Landed, Tree
from robotdata.dataset.exchange.land import land
from robotdata.dataset.lock import lock_path
from robotdata.files.lock import lock_file
from tests.support.coming_in import OLGA, _recorded, here, left_over, sample, staged, zip_of
from tests.support.whole import until

__all__ = ["_recorded", "here", "sample", "staged"]
pytestmark = pytest.mark.django_db


def uploaded(path: Path, *, piece: int = 50_000) -> Addition:
    data = path.read_bytes()
    addition = additions.begin_upload(name=path.name, size=len(data), actor=OLGA)
    for at in range(0, len(data), piece):
        additions.store_piece(addition_id=addition.id, offset=at, data=data[at : at + piece], actor=OLGA)
    return additions.finish_upload(addition_id=addition.id, actor=OLGA, wait=True)


def older(folder: Path, version: str = "v2.1") -> None:
    info = folder / "meta/info.json"
    info.write_text(json.dumps(json.loads(info.read_text()) | {"codebase_version": version}))


@pytest.mark.parametrize("inside", ["cubes", "", "user/cubes"])
def test_an_uploaded_zip_becomes_a_dataset(inside: str, here: Path, sample: Path, tmp_path: Path) -> None:
    addition = uploaded(zip_of(sample, inside, into=tmp_path / "cubes.zip"))
    assert (addition.state, addition.error) == ("done", "")
    assert [landed.name for landed in addition.landed] == ["cubes"]
    row = Dataset.objects.get()
    assert (row.slug, row.total_episodes) == ("cubes", len(DatasetFolder.open(sample).episodes))
    assert verify_dataset(here / "cubes").problems == []
    assert left_over(here) == []


def test_a_name_that_is_taken_gets_a_number(here: Path, sample: Path, tmp_path: Path) -> None:
    path = zip_of(sample, into=tmp_path / "cubes.zip")
    (here / ".revisions/cubes-2/0").mkdir(parents=True)  # a dataset that was deleted left it: it is not the new one's
    landed = [uploaded(path).landed[0] for _ in range(3)]
    names = [each.name for each in landed]
    assert names == ["cubes", "cubes-3", "cubes-4"]
    assert [bool(each.note) for each in landed] == [False, True, True]
    assert set(Dataset.objects.values_list("slug", flat=True)) == set(names)


def test_a_zip_of_several_datasets_adds_each_and_says_which_cannot_be_opened(
    here: Path, sample: Path, tmp_path: Path
) -> None:
    home = tmp_path / "lerobot"
    for name in ("ann/one", "ann/two", "bob/old data"):
        shutil.copytree(sample, home / name)
    older(home / "bob/old data")
    addition = uploaded(zip_of(home, "", into=tmp_path / "all.zip"))
    assert {landed.name: bool(landed.problem) for landed in addition.landed} == {
        "one": False,
        "two": False,
        "old-data": True,
    }
    assert Unopened.objects.get().name == "old-data"
    assert "v2.1" in Unopened.objects.get().why


def test_a_zip_without_a_dataset_leaves_nothing(here: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/a.jpg").write_bytes(b"x")
    addition = uploaded(zip_of(tmp_path / "photos", into=tmp_path / "photos.zip"))
    assert addition.state == "failed"
    assert "no dataset" in addition.error
    assert left_over(here) == []
    assert [path.name for path in here.iterdir() if not path.name.startswith(".")] == []


def test_pieces_may_be_repeated_but_leave_no_gap(here: Path) -> None:
    addition = additions.begin_upload(name="x.zip", size=10, actor=OLGA)

    def store(offset: int, data: bytes) -> int:
        return additions.store_piece(addition_id=addition.id, offset=offset, data=data, actor=OLGA).done

    assert store(0, b"01234") == 5
    assert store(0, b"01234") == 5
    with pytest.raises(Refused, match="begins at byte 5"):
        store(6, b"6")
    with pytest.raises(Refused, match="ends at byte 12, but the file was said to have 10"):
        store(5, b"5678901")
    with pytest.raises(Refused, match="send the rest"):
        additions.finish_upload(addition_id=addition.id, actor=OLGA)
    assert store(5, b"56789") == 10
    assert (here / ".incoming" / addition.id / "upload.zip").read_bytes() == b"0123456789"


def test_a_cancelled_upload_leaves_nothing_and_takes_no_more(here: Path) -> None:
    addition = additions.begin_upload(name="x.zip", size=10, actor=OLGA)
    additions.store_piece(addition_id=addition.id, offset=0, data=b"01", actor=OLGA)
    assert additions.cancel_addition(addition_id=addition.id, actor=OLGA).state == "cancelled"
    assert left_over(here) == []
    with pytest.raises(Refused, match="ended"):
        additions.store_piece(addition_id=addition.id, offset=2, data=b"23", actor=OLGA)


def test_a_copy_is_cancelled_while_it_runs_and_what_is_there_stays(here: Path, sample: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        shutil.copytree(sample, tmp_path / "several" / name)
    incoming = additions.incoming()
    begun = incoming.begin("several", paths=[tmp_path / "several"])

    def place(tree: Tree) -> Landed:
        seen = incoming.cancel(begun.id)
        assert seen is not None
        assert seen.state == RUNNING
        return Landed(land(tree.path, here, tree.name, lambda _: False).name, tree.before)

    ended = incoming.run(incoming.start(begun.id), place)
    assert (ended.state, [landed.name for landed in ended.landed]) == ("cancelled", ["one"])
    assert left_over(here) == []
    assert [path.name for path in here.glob("[!.]*")] == ["one"]


def test_an_addition_that_was_killed_is_tried_again_from_what_was_uploaded(
    here: Path, sample: Path, tmp_path: Path
) -> None:
    data = zip_of(sample, into=tmp_path / "cubes.zip").read_bytes()
    addition = additions.begin_upload(name="cubes.zip", size=len(data), actor=OLGA)
    additions.store_piece(addition_id=addition.id, offset=0, data=data, actor=OLGA)
    folder = here / ".incoming" / addition.id
    status = json.loads((folder / "status.json").read_text())
    (folder / "status.json").write_text(json.dumps(status | {"state": RUNNING}))  # its process is gone
    (folder / "tree/half").mkdir(parents=True)
    assert additions.addition_of(addition.id).state == INTERRUPTED
    sweep()
    assert not (folder / "tree").exists()
    assert additions.finish_upload(addition_id=addition.id, actor=OLGA, wait=True).state == "done"
    assert Dataset.objects.get().slug == "cubes"


def test_additions_of_yesterday_are_tidied(here: Path) -> None:
    addition = additions.begin_upload(name="x.zip", size=10, actor=OLGA)
    folder = here / ".incoming" / addition.id
    sweep()
    assert folder.exists()
    status = json.loads((folder / "status.json").read_text())
    (folder / "status.json").write_text(json.dumps(status | {"changed_at": time.time() - 90_000}))
    sweep()
    assert not folder.exists()


def test_a_folder_outside_is_copied_and_stays(here: Path, sample: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in sample.rglob("*") if path.is_file()}
    addition = additions.add_paths(paths=[str(sample)], actor=OLGA, wait=True)
    assert [(landed.name, landed.problem) for landed in addition.landed] == [("cubes", "")]
    assert {path: path.stat().st_mtime_ns for path in sample.rglob("*") if path.is_file()} == before
    video = next((here / "cubes").rglob("*.mp4"))
    assert video.stat().st_ino != (sample / video.relative_to(here / "cubes")).stat().st_ino
    assert verify_dataset(here / "cubes", deep=True).problems == []


def test_a_lerobot_home_offers_each_dataset(here: Path, sample: Path, tmp_path: Path) -> None:
    home = tmp_path / "lerobot"
    for name in ("ann/one", "ann/two"):
        shutil.copytree(sample, home / name)
    older(home / "ann/two", "v2.0")
    found = additions.look_into(path=str(home), actor=OLGA)
    assert [(each.name, "v2.0" in each.problem, each.here) for each in found] == [
        ("one", False, False),
        ("two", True, False),
    ]
    additions.add_paths(paths=[found[0].path], actor=OLGA, wait=True)
    assert Dataset.objects.get().slug == "one"


def test_the_hubs_cache_is_copied_by_content(here: Path, sample: Path, tmp_path: Path) -> None:
    repository = tmp_path / "hub/datasets--ann--cubes"
    (repository / "blobs").mkdir(parents=True)
    for commit in ("older", "newest"):
        for number, path in enumerate(sorted(path for path in sample.rglob("*") if path.is_file())):
            blob = repository / "blobs" / f"{number:04}"
            if not blob.exists():
                shutil.copy2(path, blob)
            link = repository / "snapshots" / commit / path.relative_to(sample)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(os.path.relpath(blob, link.parent))
    (repository / "refs").mkdir()
    (repository / "refs/main").write_text("newest")
    found = additions.look_into(path=str(tmp_path / "hub"), actor=OLGA)
    assert [(Path(each.path).name, each.name) for each in found] == [("newest", "cubes")]
    additions.add_paths(paths=[found[0].path], actor=OLGA, wait=True)
    assert not any(path.is_symlink() for path in (here / "cubes").rglob("*"))
    assert verify_dataset(here / "cubes").problems == []


@pytest.mark.parametrize("place", ["data/link", "linked"])
def test_a_link_that_leads_out_is_not_followed(place: str, here: Path, sample: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("secret")
    (sample / place).symlink_to(secret / "key" if place == "data/link" else secret)
    addition = additions.add_paths(paths=[str(sample)], actor=OLGA, wait=True)
    assert addition.state == "failed"
    assert place in addition.error
    assert left_over(here) == []
    assert not (here / "cubes").exists()


@pytest.mark.parametrize(
    "path", ["relative", "/nowhere/at/all", "{home}/state", "{home}", "{home}/datasets/.work", "/"]
)
def test_paths_that_are_not_to_be_read_are_refused(path: str, here: Path) -> None:
    (here / ".work").mkdir(parents=True)
    with pytest.raises(Refused) as refused:
        additions.add_paths(paths=[path.format(home=here.parent)], actor=OLGA)
    assert refused.value.status == 422


def test_a_folder_of_the_home_is_used_where_it_is(here: Path, sample: Path) -> None:
    shutil.copytree(sample, here / "mine")
    inode = (here / "mine").stat().st_ino
    assert additions.look_into(path=str(here / "mine"), actor=OLGA)[0].here
    addition = additions.add_paths(paths=[str(here / "mine")], actor=OLGA, wait=True)
    assert (addition.state, [landed.name for landed in addition.landed]) == ("done", ["mine"])
    assert (here / "mine").stat().st_ino == inode


def test_an_inner_folder_is_opened_from_its_row(here: Path, sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(sample, here / "ann/cubes")
    shutil.copytree(sample, here / "ann/more")
    monkeypatch.setattr(unknown_folders, "SETTLED_S", 0.0)
    sweep()
    row = additions.unopened_rows()[0]
    assert (row.name, row.inner) == ("ann", ["cubes", "more"])
    client = Client()
    client.force_login(User.objects.create_user("olga"))
    assert 'open-inner"' in client.get("/datasets/").content.decode()
    for name in ("cubes", "more"):
        answer = client.post(
            f"/api/unopened/{row.pk}/open-inner", {"name": name}, "application/json", headers={"X-CSRFToken": "x"}
        )
        assert answer.json() == {"name": name, "before": str(here / "ann" / name), "problem": "", "note": ""}
    assert not (here / "ann").exists()
    assert not Unopened.objects.exists()
    assert set(Dataset.objects.values_list("slug", flat=True)) == {"cubes", "more"}


@pytest.mark.parametrize("name", ["..", "cubes/..", "nothing", "../../outside"])
def test_only_a_dataset_inside_is_moved_up(name: str, here: Path, sample: Path) -> None:
    shutil.copytree(sample, here / "ann/cubes")
    with pytest.raises(Refused):
        additions.open_inner(outer="ann", inner=name, actor=OLGA)
    with pytest.raises(Refused):
        additions.open_inner(outer="../datasets/ann", inner="cubes", actor=OLGA)


def test_an_inner_link_to_another_disk_is_moved_up_as_a_link(here: Path, sample: Path) -> None:
    (here / "ann").mkdir(parents=True)
    (here / "ann/cubes").symlink_to(sample)
    landed = additions.open_inner(outer="ann", inner="cubes", actor=OLGA)
    assert (landed.name, landed.problem) == ("cubes", "")
    assert (here / "cubes").readlink() == sample
    assert not (here / "ann").exists()


@pytest.mark.parametrize("lost", [False, True])
def test_no_part_of_a_dataset_is_moved_out_of_it(lost: bool, here: Path, sample: Path) -> None:
    shutil.copytree(sample, here / "one")
    shutil.copytree(sample, here / "one/videos/other")  # a dataset of its own, but in the folder of another one
    additions.add_paths(paths=[str(here / "one")], actor=OLGA)
    if lost:
        (here / "one/meta/info.json").unlink()
    shutil.copytree(sample, here / "ann/cubes")
    before = sorted(here.rglob("[!.]*"))
    for paths in (["one/videos"], ["one/meta"], ["one/videos/other"], ["ann/cubes", "one/data"]):
        with pytest.raises(Refused) as refused:
            additions.add_paths(paths=[str(here / path) for path in paths], actor=OLGA)
        assert refused.value.status == 422
    with pytest.raises(Refused):
        additions.open_inner(outer="one", inner="videos", actor=OLGA)
    assert sorted(here.rglob("[!.]*")) == before


def test_a_dataset_of_the_home_that_is_deeper_is_moved_up_when_nobody_writes_it(here: Path, sample: Path) -> None:
    shutil.copytree(sample, here / "ann/cubes")
    holder = lock_file(lock_path(here / "ann/cubes"))
    with pytest.raises(Refused, match="being changed"):
        additions.add_paths(paths=[str(here / "ann/cubes")], actor=OLGA)
    assert (here / "ann/cubes").exists()
    os.close(holder)
    additions.add_paths(paths=[str(here / "ann/cubes")] * 2, actor=OLGA)
    assert Dataset.objects.get().slug == "cubes"
    assert list((here / "ann").iterdir()) == []


def test_a_zip_file_that_lies_among_the_datasets_is_unpacked(here: Path, sample: Path) -> None:
    (here / "ann").mkdir(parents=True)
    path = zip_of(sample, into=here / "ann/cubes.zip")
    assert additions.add_paths(paths=[str(path)], actor=OLGA, wait=True).state == "done"
    assert path.exists()
    assert Dataset.objects.get().slug == "cubes"


def test_the_command_adds_a_folder_and_a_zip(
    here: Path, sample: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("add", str(sample.parent))
    call_command("add", str(zip_of(sample, into=tmp_path / "zipped.zip")))
    assert capsys.readouterr().out.splitlines() == [
        "cubes was added",
        "cubes-2 was added. The name cubes is taken, so it is called cubes-2.",
    ]
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("add", str(tmp_path / "nowhere"))


@pytest.mark.django_db(transaction=True)
def test_the_api_adds_a_zip_in_the_background(here: Path, sample: Path, tmp_path: Path) -> None:
    client = Client()
    client.force_login(User.objects.create_user("olga"))
    data = zip_of(sample, into=tmp_path / "cubes.zip").read_bytes()
    begun = client.post("/api/additions", {"name": "cubes.zip", "size": len(data)}, "application/json").json()
    address = f"/api/additions/{begun['id']}"
    sent = client.put(f"{address}/bytes?offset=0", data, "application/octet-stream").json()
    assert (sent["done"], sent["state"]) == (len(data), "uploading")
    assert client.post(f"{address}/finish", {}, "application/json").status_code == 202
    until(lambda: client.get(address).json()["state"] == "done")
    assert client.get(address).json()["landed"] == [{"name": "cubes", "before": "cubes", "problem": "", "note": ""}]
    assert client.put(f"{address}/bytes?offset=0", bytes(5 << 20), "application/octet-stream").status_code == 413
    assert client.get("/api/additions/00000000-0000-0000-0000-000000000000").status_code == 404
