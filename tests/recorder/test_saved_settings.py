"""The settings beside the datasets: those of the row as it is now, and a count that never goes back."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recorder.actor import Actor
from recorder.catalog.datasets import change_dataset
from recorder.catalog.datasets_on_disk import adopt_settings, load_settings, save_settings
from recorder.catalog.transfers import Destination
from recorder.errors import Refused
from recorder.jobs.revising import apply_changes
from recorder.models import Dataset, Episode
from recorder.models.numbers import MAX_FOUND, MAX_NUMBER, claim_numbers
from recorder.review import trash
from recorder.review.verdicts import set_verdict
from recorder.worker.recover import rebuild, recover
from robotdata.dataset.layout import SIDECAR
from tests.recorder.conftest import write_take
from tests.support.transfers import copy, dataset, done

MakeEpisode = Callable[..., Episode]
OLGA = Actor("olga")


def saved_file(home: Path) -> Path:
    return home / "datasets/.settings/cubes.json"


def test_settings_that_change_while_the_trash_is_emptied_stay(
    cubes: Dataset, make_episode: MakeEpisode, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_settings(cubes)
    set_verdict(episodes=[make_episode()], verdict="reject", actor=OLGA)
    remove = trash.remove_staging

    def change_meanwhile(pk: uuid.UUID) -> int:
        make_episode()
        change_dataset(dataset=Dataset.objects.get(slug="cubes"), actor=OLGA, title="Red cubes", goal=77)
        return remove(pk)

    monkeypatch.setattr(trash, "remove_staging", change_meanwhile)
    trash.empty_trash(actor=OLGA)
    assert [load_settings("cubes")[name] for name in ("title", "goal", "next_number")] == ["Red cubes", 77, 3]
    row = Dataset.objects.get(slug="cubes")
    assert adopt_settings(row) == [] and (row.title, row.goal) == ("Red cubes", 77)


def test_a_change_saves_the_count_of_now(cubes: Dataset, make_episode: MakeEpisode) -> None:
    for _ in range(2):
        make_episode()
    change_dataset(dataset=cubes, actor=OLGA, goal=5)
    assert load_settings("cubes")["next_number"] == 3


def test_a_file_that_only_has_a_newer_count_changes_no_setting(cubes: Dataset, home: Path) -> None:
    save_settings(cubes)  # of the count, after somebody's change began and before it was saved
    Dataset.objects.filter(pk=cubes.pk).update(title="Red cubes")
    cubes.refresh_from_db()
    assert adopt_settings(cubes) == [] and cubes.title == "Red cubes"


@pytest.mark.parametrize(("counted", "adopted"), [(9, 9), (3, 7), (2**31 - 1, 7), (MAX_NUMBER, 7)])
def test_an_older_file_raises_the_count_and_never_lowers_it(
    cubes: Dataset, home: Path, counted: int, adopted: int
) -> None:
    save_settings(cubes)
    saved_file(home).write_text(json.dumps({"version": 1, "title": "Old", "next_number": counted}))
    os.utime(saved_file(home), (1, 1))
    Dataset.objects.filter(pk=cubes.pk).update(next_number=7)
    assert adopt_settings(cubes) == []
    cubes.refresh_from_db()
    assert (cubes.title, cubes.next_number) == ("Cubes", adopted)


def test_a_newer_file_is_adopted(cubes: Dataset, home: Path) -> None:
    change_dataset(dataset=cubes, actor=OLGA, goal=5)
    Dataset.objects.filter(pk=cubes.pk).update(goal=None, updated_at="2020-01-01T00:00Z")  # as a backup has it
    row = Dataset.objects.get(pk=cubes.pk)
    assert adopt_settings(row) == ["goal"] and row.goal == 5


def test_a_change_while_a_newer_file_is_adopted_stays(
    cubes: Dataset, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_dataset(dataset=cubes, actor=OLGA, goal=5)
    Dataset.objects.filter(pk=cubes.pk).update(goal=None, updated_at="2020-01-01T00:00Z")  # as a backup has it
    row = Dataset.objects.get(pk=cubes.pk)

    def changed_meanwhile(slug: str) -> dict[str, Any]:
        before = load_settings(slug)
        change_dataset(dataset=Dataset.objects.get(slug=slug), actor=OLGA, goal=77)
        return before

    monkeypatch.setattr("recorder.catalog.datasets_on_disk.load_settings", changed_meanwhile)
    assert adopt_settings(row) == []
    assert (row.goal, Dataset.objects.get(pk=cubes.pk).goal, load_settings("cubes")["goal"]) == (77, 77, 77)


def test_nothing_is_saved_for_a_dataset_in_the_trash(cubes: Dataset, home: Path) -> None:
    Dataset.objects.filter(pk=cubes.pk).update(trashed_at="2026-01-01T00:00Z", slug="cubes+1")
    save_settings(cubes)
    assert not saved_file(home).parent.exists()


def test_a_number_deleted_by_an_edit_is_not_given_after_a_rebuild(four: list[Episode], cubes: Dataset) -> None:
    set_verdict(episodes=four[3:], verdict="reject", actor=OLGA)
    done(apply_changes(dataset=cubes, actor=OLGA))
    rebuild()
    assert Episode.objects.create(dataset=dataset("cubes")).number == 5


def test_nor_is_the_number_of_an_episode_that_was_moved(four: list[Episode], cubes: Dataset) -> None:
    done(copy(cubes, [four[3]], Destination(title="Best"), move=True))
    rebuild()
    assert Episode.objects.create(dataset=dataset("cubes")).number == 5


def test_a_count_that_is_too_low_is_mended(cubes: Dataset, make_episode: MakeEpisode) -> None:
    for _ in range(3):
        make_episode()
    Dataset.objects.update(next_number=2)
    assert (make_episode().number, make_episode().number) == (4, 5)
    assert Dataset.objects.get().next_number == 6


@pytest.mark.parametrize("high", [MAX_FOUND + 1, MAX_NUMBER, 2**31 - 1])
def test_a_take_with_a_far_too_high_number_gets_the_next(
    cubes: Dataset, make_episode: MakeEpisode, settings: Any, high: int
) -> None:
    make_episode()
    folder = Path(settings.SPOOL_DIR) / str(uuid.uuid4())
    write_take(folder, number=2, ticks=3, cameras=())
    manifest = json.loads((folder / "take.json").read_text())
    (folder / "take.json").write_text(json.dumps({**manifest, "number": high}))
    recover()
    assert Episode.objects.get(pk=folder.name).number == 2
    assert json.loads((folder / "take.json").read_text())["number"] == 2


def test_so_does_an_episode_of_a_sidecar(four: list[Episode], cubes: Dataset) -> None:
    path = cubes.path / SIDECAR
    sidecar = json.loads(path.read_text())
    sidecar["episodes"][1]["number"] = 2**31 - 1
    path.write_text(json.dumps(sidecar))
    rebuild()
    assert list(dataset("cubes").episodes.order_by("number").values_list("number", flat=True)) == [1, 2, 3, 4]


def test_the_highest_number_that_is_found_leaves_many(cubes: Dataset, make_episode: MakeEpisode) -> None:
    Episode.objects.create(dataset=cubes, number=MAX_FOUND)
    following = make_episode(verdict="unreviewed")
    set_verdict(episodes=[following], verdict="keep", actor=OLGA)
    assert following.number == MAX_FOUND + 1
    rebuild()
    assert Episode.objects.get(pk=following.pk).number == 1  # the other one left no folder, nor was its count saved


def test_a_dataset_without_a_number_left_says_so(cubes: Dataset) -> None:
    Dataset.objects.update(next_number=MAX_NUMBER)
    assert Episode.objects.create(dataset=cubes).number == MAX_NUMBER
    for _ in range(2):
        with pytest.raises(Refused, match="Cubes has no number left.*record into another dataset"):
            Episode.objects.create(dataset=cubes)
    assert Dataset.objects.get().next_number == MAX_NUMBER + 1 < 2**31


def test_a_claim_of_no_number_is_none(cubes: Dataset) -> None:
    assert claim_numbers(cubes.pk, [], []) == [] and Dataset.objects.get().next_number == 1
