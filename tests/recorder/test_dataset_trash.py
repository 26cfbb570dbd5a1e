"""A dataset is renamed, deleted to the trash, restored, and deleted permanently, with all that belongs to it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from recorder.actor import Actor
from recorder.catalog import dataset_trash
from recorder.catalog.dataset_moves import places, write_entry
from recorder.catalog.dataset_trash import (
    delete_permanently,
    rename_dataset,
    restore_dataset,
    trash_dataset,
    trashed_datasets,
)
from recorder.catalog.datasets import change_dataset, create_dataset
from recorder.catalog.folder_watch import refresh_changed_folders
from recorder.catalog.trash_recovery import empty_old_trash, recover_trash
from recorder.errors import Refused
from recorder.jobs.encoding import start_encoding
from recorder.jobs.revising import apply_changes
from recorder.models import Dataset, Episode, Operation, Rig, Session
from recorder.models.paths import trash_root
from recorder.review.verdicts import edit_episodes, set_verdict
from recorder.worker import run
from recorder.worker.recover import rebuild
from recorder.worker.sweep import check_datasets, sweep
from tests.recorder.conftest import frames

MakeEpisode = Callable[..., Episode]
pytestmark = pytest.mark.django_db(transaction=True)
OLGA = Actor("olga")


@pytest.fixture
def revised(four: list[Episode], cubes: Dataset, make_episode: MakeEpisode) -> list[Episode]:
    """Four episodes of which one was deleted, so that there is a revision, and a take that is not encoded."""
    set_verdict(episodes=[four[1]], verdict="reject", actor=OLGA)
    assert run.run_operation(apply_changes(dataset=cubes, actor=OLGA).pk)
    make_episode(4, verdict="reject")
    cubes.refresh_from_db()
    return four


def left_in_trash() -> list[str]:
    return sorted(path.name for path in trash_root().iterdir() if not path.name.endswith(".lock"))


def test_it_comes_back_with_all_that_belongs_to_it(revised: list[Episode], cubes: Dataset, home: Path) -> None:
    whole, inode = frames(cubes), cubes.path.stat().st_ino
    ids = set(cubes.episodes.values_list("pk", flat=True))
    trashed = trash_dataset(dataset=cubes, actor=OLGA)
    assert (trashed.title, trashed.slug, trashed.by, trashed.episodes) == ("Cubes", "cubes", "olga", 3)
    assert trashed.until - trashed.at == timedelta(days=7) and trashed_datasets() == [trashed]
    assert not any(place.exists() for place in places("cubes")), "nothing of it is among the datasets"
    assert not Dataset.objects.exists() and not Episode.objects.trashed().exists()
    sweep()
    assert not Dataset.objects.exists() and trashed_datasets() == [trashed], "no sweep takes it for something else"
    restored = restore_dataset(name=trashed.name, actor=OLGA)
    assert (restored.slug, restored.title, restored.problem) == ("cubes", "Cubes", "")
    assert restored.path.stat().st_ino == inode and frames(restored) == whole
    assert set(restored.episodes.values_list("pk", flat=True)) == ids and Episode.objects.trashed().count() == 1
    assert (restored.revisions_path / "1").is_dir() and restored.operations.count() == 2
    assert left_in_trash() == []


def test_a_name_that_is_taken_meanwhile_stays_with_its_owner(revised: list[Episode], cubes: Dataset) -> None:
    whole = frames(cubes)
    name = trash_dataset(dataset=cubes, actor=OLGA).name
    other = create_dataset(title="Cubes", actor=OLGA)
    assert other.slug == "cubes"
    restored = restore_dataset(name=name, actor=OLGA)
    assert (restored.slug, restored.title) == ("cubes-2", "Cubes (2)")
    assert frames(restored) == whole and not other.path.exists()


@pytest.mark.parametrize("how", ["session", "operation", "take", "merge"])
def test_what_is_in_use_is_not_deleted(
    how: str, four: list[Episode], cubes: Dataset, make_episode: MakeEpisode
) -> None:
    if how == "session":
        Session.objects.create(rig=Rig.objects.create(name="arm-1"), dataset=cubes, task="push")
    elif how == "operation":
        make_episode(4)
        start_encoding(dataset=cubes, actor=OLGA)
    elif how == "take":
        make_episode(4, verdict="unreviewed", state="recording")
    else:
        other = Dataset.objects.create(slug="cups", title="Cups")
        arguments = {"others": ["cubes"], "into": []}
        Operation.objects.create(dataset=other, type="merge", state="running", arguments=arguments)
    for act in (
        lambda: trash_dataset(dataset=cubes, actor=OLGA),
        lambda: rename_dataset(dataset=cubes, title="Pots", folder=True, actor=OLGA),
    ):
        with pytest.raises(Refused) as refused:
            act()
        assert refused.value.code in {"recording", "running"} and "cannot be" in refused.value.message
    assert cubes.path.is_dir() and Dataset.objects.filter(slug="cubes").exists()


def test_nothing_is_changed_in_the_trash(revised: list[Episode], cubes: Dataset) -> None:
    trash_dataset(dataset=cubes, actor=OLGA)
    row = Dataset.with_trash.get(pk=cubes.pk)
    with pytest.raises(Refused, check=lambda refused: refused.code == "trashed"):
        apply_changes(dataset=row, actor=OLGA)
    episode = Episode.objects.select_related("dataset").get(pk=revised[0].pk)
    with pytest.raises(Refused, check=lambda refused: refused.code == "trashed"):
        edit_episodes(episodes=[episode], actor=OLGA, note="dark")


def test_after_seven_days_it_is_gone(revised: list[Episode], cubes: Dataset, home: Path) -> None:
    takes = [path.name for path in (home / "spool").iterdir()]
    assert takes
    name = trash_dataset(dataset=cubes, actor=OLGA).name
    now = timezone.now()
    assert empty_old_trash(now + timedelta(days=6, hours=23)) == 0 and (trash_root() / name).is_dir()
    assert empty_old_trash(now + timedelta(days=7, minutes=1)) == 1
    assert left_in_trash() == [] and not any(place.exists() for place in places("cubes"))
    assert not Dataset.with_trash.exists() and not Episode.objects.exists() and not Operation.objects.exists()
    assert [path.name for path in (home / "spool").iterdir() if path.is_dir()] == []
    sweep()
    assert not Dataset.with_trash.exists(), "nothing of it comes back"


def test_of_a_link_only_the_link_goes(revised: list[Episode], cubes: Dataset, home: Path, tmp_path: Path) -> None:
    real = tmp_path / "disk" / "cubes"
    real.parent.mkdir()
    cubes.path.rename(real)
    cubes.path.symlink_to(real)
    name = trash_dataset(dataset=cubes, actor=OLGA).name
    assert Dataset.with_trash.get(slug=name).path.resolve() == real
    delete_permanently(name=name, actor=OLGA)
    assert (real / "meta/info.json").is_file() and not cubes.path.is_symlink()


def test_a_rename_with_its_folder_keeps_everything(revised: list[Episode], cubes: Dataset) -> None:
    whole, inode = frames(cubes), cubes.path.stat().st_ino
    same = rename_dataset(dataset=cubes, title="Blue cubes", actor=OLGA)
    assert (same.slug, same.title) == ("cubes", "Blue cubes")
    renamed = rename_dataset(dataset=same, title="Blue cubes", folder=True, actor=OLGA)
    assert (renamed.slug, renamed.path.stat().st_ino) == ("blue-cubes", inode)
    assert frames(renamed) == whole and (renamed.revisions_path / "1").is_dir()
    assert not any(place.exists() for place in places("cubes"))
    sweep()
    assert [row.slug for row in Dataset.objects.all()] == ["blue-cubes"] and renamed.episodes.count() == 5
    create_dataset(title="Cups", actor=OLGA)
    with pytest.raises(Refused, check=lambda refused: refused.code == "exists"):
        rename_dataset(dataset=renamed, title="cups", folder=True, actor=OLGA)


@pytest.mark.parametrize("act", ["trash", "restore", "rename", "delete"])
@pytest.mark.parametrize("moves", [0, 1, 2, 3])
def test_a_kill_leaves_the_old_state_or_the_new_one(
    act: str, moves: int, revised: list[Episode], cubes: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process ends after so many renames, before the database knows; nothing it would do at its end is done."""
    whole = frames(cubes)
    name = trash_dataset(dataset=cubes, actor=OLGA).name if act in {"restore", "delete"} else ""
    done = 0

    class Killed(BaseException):
        pass

    def dying(pairs: Any) -> None:
        nonlocal done
        if done < 0:
            return  # a dead process takes nothing back
        for source, target in pairs:
            if done == moves:
                done = -1
                raise Killed
            if source.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                source.rename(target)
                done += 1
        done = -1
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(dataset_trash, "move_all", dying)
        patch.setattr(dataset_trash, "remove_entry", lambda name: None)
        acts: dict[str, Callable[[], Any]] = {
            "trash": lambda: trash_dataset(dataset=cubes, actor=OLGA),
            "restore": lambda: restore_dataset(name=name, actor=OLGA),
            "rename": lambda: rename_dataset(dataset=cubes, title="Pots", folder=True, actor=OLGA),
            "delete": lambda: delete_permanently(name=name, actor=OLGA),
        }
        with pytest.raises(Killed):
            acts[act]()
    sweep()
    if name:
        assert not Dataset.objects.exists() and [one.name for one in trashed_datasets()] == [name]
        restore_dataset(name=name, actor=OLGA)
    assert trashed_datasets() == [] and left_in_trash() == []
    row = Dataset.objects.get()
    assert (row.slug, row.problem, frames(row)) == ("cubes", "", whole) and (row.revisions_path / "1").is_dir()
    assert recover_trash() == 0


def test_a_kill_after_the_rows_are_gone_is_completed(revised: list[Episode], cubes: Dataset, home: Path) -> None:
    name = trash_dataset(dataset=cubes, actor=OLGA).name
    takes = [str(pk) for pk in Dataset.with_trash.get(slug=name).episodes.values_list("pk", flat=True)]
    write_entry(name, {"slug": "cubes", "title": "Cubes", "takes": takes})
    (trash_root() / name).rename(trash_root() / f".gone-{name}")
    dataset_trash._delete_rows(Dataset.with_trash.get(slug=name))
    sweep()
    assert left_in_trash() == [] and not Dataset.with_trash.exists() and not Episode.objects.exists()


def test_a_rebuilt_database_knows_the_trash(revised: list[Episode], cubes: Dataset, home: Path) -> None:
    name = trash_dataset(dataset=cubes, actor=OLGA).name
    shutil.rmtree(home / "spool")
    (home / "spool").mkdir()
    dataset_trash._delete_rows(Dataset.with_trash.get(slug=name))
    rebuild()
    assert [(one.name, one.title, one.by) for one in trashed_datasets()] == [(name, "Cubes", "olga")]
    assert len(frames(restore_dataset(name=name, actor=OLGA))) == 3


def test_the_api_and_the_pages(revised: list[Episode], cubes: Dataset, client: Client, admin_user: Any) -> None:
    client.force_login(admin_user)
    kind = {"content_type": "application/json"}
    body = {"title": "Pots", "folder": True}
    assert client.post("/api/datasets/cubes/rename", body, **kind).json()["slug"] == "pots"
    trashed = client.post("/api/datasets/pots/trash", **kind).json()
    assert client.get("/api/datasets/pots").status_code == 404
    page = client.get("/datasets/pots/")
    assert page.status_code == 200 and b"in the trash" in page.content
    assert client.get("/datasets/cubes/").status_code == 404
    assert b"Pots" in client.get("/trash/").content
    assert [one["name"] for one in client.get("/api/trash/datasets").json()] == [trashed["name"]]
    assert client.get("/api/episodes").json()["items"] == []
    from urllib.parse import quote

    name = quote(trashed["name"])
    assert client.post(f"/api/trash/datasets/{name}/restore", **kind).json()["slug"] == "pots"
    assert client.get("/datasets/pots/").status_code == 200
    name = quote(client.post("/api/datasets/pots/trash", **kind).json()["name"])
    assert client.post(f"/api/trash/datasets/{name}/delete", **kind).status_code == 200
    assert client.post(f"/api/trash/datasets/{name}/delete", **kind).status_code == 404
    assert client.get("/datasets/pots/").status_code == 404


def test_a_sweep_that_listed_it_before_encodes_nothing_of_a_deleted_dataset(
    cubes: Dataset, make_episode: MakeEpisode
) -> None:
    change_dataset(dataset=cubes, actor=OLGA, policy="every", every=9)
    make_episode(4)
    Dataset.objects.update(every=1)  # its encoding is due at the next sweep
    listed = list(Dataset.objects.all())
    trash_dataset(dataset=cubes, actor=OLGA)
    check_datasets(timezone.now(), listed)
    assert not Operation.objects.exists() and Episode.objects.get().state == "recorded"
    with pytest.raises(Refused, match="Cubes has been deleted meanwhile"):
        start_encoding(dataset=listed[0], actor=OLGA)


def test_a_sweep_that_listed_it_before_does_not_miss_the_folder_of_a_renamed_dataset(
    four: list[Episode], cubes: Dataset
) -> None:
    listed = list(Dataset.objects.all())
    refresh_changed_folders(listed)
    rename_dataset(dataset=cubes, title="Pots", folder=True, actor=OLGA)
    refresh_changed_folders(listed)
    assert Dataset.objects.get().problem == ""
