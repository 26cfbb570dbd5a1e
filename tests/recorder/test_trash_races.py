"""Two people move or delete one dataset at once: the second one waits for the lock, then acts on what is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from recorder.actor import Actor
from recorder.catalog import dataset_trash
from recorder.catalog.dataset_trash import delete_permanently, rename_dataset, restore_dataset, trash_dataset
from recorder.errors import Refused
from recorder.live.sessions import start_session
from recorder.models import Dataset, Episode, Rig, Session
from tests.recorder.conftest import frames

pytestmark = pytest.mark.django_db(transaction=True)
OLGA = Actor("olga")
Meanwhile = Callable[[Callable[[], Any]], None]


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Let something happen while the next act waits for the lock of its folder."""
    real = dataset_trash.dataset_locks

    def happen(other: Callable[[], Any]) -> None:
        @contextmanager
        def waiting(*args: Any, **more: Any) -> Iterator[None]:
            monkeypatch.setattr(dataset_trash, "dataset_locks", real)
            other()
            with real(*args, **more):
                yield

        monkeypatch.setattr(dataset_trash, "dataset_locks", waiting)

    return happen


def refused(code: str, act: Callable[[], Any]) -> None:
    with pytest.raises(Refused) as error:
        act()
    assert error.value.code == code


def test_what_is_restored_meanwhile_is_not_deleted(four: list[Episode], cubes: Dataset, meanwhile: Meanwhile) -> None:
    whole, takes = frames(cubes), cubes.episodes.count()
    name = trash_dataset(dataset=cubes, actor=OLGA).name
    meanwhile(lambda: restore_dataset(name=name, actor=OLGA))
    refused("not_in_trash", lambda: delete_permanently(name=name, actor=OLGA))
    row = Dataset.objects.get(pk=cubes.pk)
    assert (row.slug, row.episodes.count(), frames(row)) == ("cubes", takes, whole)


def test_two_restores_bring_it_back_once(four: list[Episode], cubes: Dataset, meanwhile: Meanwhile) -> None:
    whole = frames(cubes)
    name = trash_dataset(dataset=cubes, actor=OLGA).name
    meanwhile(lambda: restore_dataset(name=name, actor=OLGA))
    refused("not_in_trash", lambda: restore_dataset(name=name, actor=OLGA))
    assert frames(Dataset.objects.get(slug="cubes")) == whole


@pytest.mark.parametrize("act", ["rename", "trash"])
def test_what_is_renamed_meanwhile_stays_with_its_folder(
    act: str, four: list[Episode], cubes: Dataset, meanwhile: Meanwhile
) -> None:
    whole, other = frames(cubes), Dataset.objects.get(pk=cubes.pk)
    meanwhile(lambda: rename_dataset(dataset=other, title="Cups", folder=True, actor=OLGA))
    if act == "rename":
        refused("moved", lambda: rename_dataset(dataset=cubes, title="Pots", folder=True, actor=OLGA))
    else:
        refused("moved", lambda: trash_dataset(dataset=cubes, actor=OLGA))
    row = Dataset.objects.get(pk=cubes.pk)
    assert (row.slug, row.title, frames(row)) == ("cups", "Cups", whole)


def test_a_session_that_begins_meanwhile_stops_a_rename(
    four: list[Episode], cubes: Dataset, meanwhile: Meanwhile
) -> None:
    rig = Rig.objects.create(name="arm-1")
    meanwhile(lambda: Session.objects.create(rig=rig, dataset=cubes, task="push"))
    refused("recording", lambda: rename_dataset(dataset=cubes, title="Pots", folder=True, actor=OLGA))
    row = Dataset.objects.get(pk=cubes.pk)
    assert (row.slug, row.title) == ("cubes", "Cubes") and row.path.is_dir()


def test_no_session_begins_into_a_dataset_in_the_trash(four: list[Episode], cubes: Dataset) -> None:
    page = Dataset.objects.get(pk=cubes.pk)  # as a request read it before
    trash_dataset(dataset=cubes, actor=OLGA)
    rig = Rig.objects.create(name="arm-1")
    refused("trashed", lambda: start_session(rig=rig, dataset=page, task="push", actor=OLGA))
    assert not Session.objects.exists()


def test_a_session_of_a_dataset_that_was_renamed_knows_its_name(four: list[Episode], cubes: Dataset) -> None:
    page = Dataset.objects.get(pk=cubes.pk)
    rename_dataset(dataset=cubes, title="Cups", folder=True, actor=OLGA)
    session, _ = start_session(rig=Rig.objects.create(name="arm-1"), dataset=page, task="push", actor=OLGA)
    assert session.dataset.slug == "cups"


def test_what_is_recorded_into_is_not_deleted_permanently(four: list[Episode], cubes: Dataset, home: Path) -> None:
    name = trash_dataset(dataset=cubes, actor=OLGA).name
    Session.objects.create(rig=Rig.objects.create(name="arm-1"), dataset_id=cubes.pk, task="push")
    refused("recording", lambda: delete_permanently(name=name, actor=OLGA))
    assert Dataset.with_trash.get(pk=cubes.pk).path.is_dir()
