"""A dataset that somebody has copied or split beside the one it came from: no episode changes hands."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable
from typing import Any

import pytest

from recorder.actor import WORKER, Actor
from recorder.catalog.datasets import adopt_folder, refresh_dataset
from recorder.errors import Refused
from recorder.models import Dataset, Episode, Operation
from recorder.review.verdicts import set_verdict
from recorder.worker.recover import recover
from robotdata.dataset import verify_dataset
from robotdata.dataset.layout import SIDECAR
from robotdata.dataset.sidecar import read_sidecar

pytestmark = pytest.mark.django_db(transaction=True)


def ids(dataset: Dataset) -> list[Any]:
    return list(dataset.episodes.committed().order_by("episode_index").values_list("pk", flat=True))


def names(dataset: Dataset) -> list[str]:
    return [entry["uuid"] for entry in read_sidecar(dataset.path, []).episodes]


def copied(cubes: Dataset, slug: str = "a-copy") -> Dataset:
    shutil.copytree(cubes.path, cubes.path.parent / slug)
    return adopt_folder(slug=slug, actor=WORKER)


def test_a_copy_has_episodes_of_its_own_and_takes_none_away(cubes: Dataset, four: list[Episode]) -> None:
    before = ids(cubes)
    copy = copied(cubes)
    assert ids(cubes) == before
    assert len(ids(copy)) == 4 and not set(ids(copy)) & set(before)
    assert names(copy) == [str(pk) for pk in ids(copy)]
    mine = ids(copy)
    for dataset in (cubes, copy, cubes):
        refresh_dataset(dataset=dataset)
    assert (ids(cubes), ids(copy)) == (before, mine)
    assert verify_dataset(copy.path, deep=True).problems == []


def test_what_is_said_of_the_copy_is_not_said_of_the_original(cubes: Dataset, four: list[Episode]) -> None:
    set_verdict(episodes=[four[1]], verdict="reject", actor=Actor("olga"))
    copy = copied(cubes)
    other = copy.episodes.get(episode_index=1)
    assert other.verdict == "reject"
    set_verdict(episodes=[other], verdict="keep", actor=Actor("ben"))
    four[1].refresh_from_db()
    assert four[1].verdict == "reject"
    assert [read_sidecar(each.path, []).episodes[1]["verdict"] for each in (cubes, copy)] == ["reject", "keep"]


def test_it_is_the_same_after_the_database_was_made_again(cubes: Dataset, four: list[Episode]) -> None:
    copy = copied(cubes)
    before = ids(cubes), ids(copy)
    for rows in (Operation, Episode, Dataset):
        rows.objects.all().delete()
    recover()
    found = [ids(Dataset.objects.get(slug=slug)) for slug in ("cubes", "a-copy")]
    assert tuple(found) == before


def test_a_folder_that_was_renamed_keeps_its_episodes(cubes: Dataset, four: list[Episode]) -> None:
    before = ids(cubes)
    cubes.path.rename(cubes.path.parent / "towels")
    towels = adopt_folder(slug="towels", actor=WORKER)
    assert ids(towels) == before and names(towels) == [str(pk) for pk in before]


def test_a_copy_that_cannot_be_named_anew_takes_none_away(
    cubes: Dataset, four: list[Episode], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = ids(cubes)

    def refuse(path: Any, text: str) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr("recorder.catalog.copied_datasets.replace_text", refuse)
    with pytest.raises(Refused, match="cannot get new UUIDs"):
        copied(cubes)
    assert ids(cubes) == before and not Dataset.objects.filter(slug="a-copy").exists()


@pytest.mark.parametrize("state", ["recorded", "failed", "recording"])
def test_a_folder_that_was_brought_here_takes_no_raw_take_away(
    cubes: Dataset, four: list[Episode], make_episode: Callable[..., Episode], state: str
) -> None:
    take = make_episode()
    Episode.objects.filter(pk=take.pk).update(state=state)
    brought = cubes.path.parent / "brought"
    shutil.copytree(cubes.path, brought)
    sidecar = json.loads((brought / SIDECAR).read_text())
    sidecar["episodes"][1]["uuid"] = str(take.pk)
    (brought / SIDECAR).write_text(json.dumps(sidecar))
    dataset = adopt_folder(slug="brought", actor=WORKER)
    take.refresh_from_db()
    assert (take.dataset, take.state, take.episode_index) == (cubes, state, None)
    mine = ids(dataset)
    assert len(mine) == 4 and take.pk not in mine and names(dataset) == [str(pk) for pk in mine]
    refresh_dataset(dataset=dataset)
    assert ids(dataset) == mine
