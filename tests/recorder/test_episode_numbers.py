"""Episodes have numbers: unique in their dataset, kept for life, never given again."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction

from recorder.actor import Actor
from recorder.catalog.datasets_on_disk import refresh_dataset
from recorder.catalog.sidecars import adopt_sidecar
from recorder.catalog.transfer_undo import undo_transfer
from recorder.catalog.transfers import Destination
from recorder.jobs.revising import apply_changes
from recorder.models import Dataset, Episode
from recorder.models.numbers import format_number, parse_number
from recorder.quality.assess import assess
from recorder.review.trash import empty_trash
from recorder.review.verdicts import edit_episodes, set_verdict
from recorder.worker.recover import rebuild, recover
from robotdata.dataset.layout import SIDECAR
from robotdata.dataset.sidecar import read_sidecar
from tests.recorder.conftest import entry, write_take
from tests.support.transfers import copy, dataset, done

MakeEpisode = Callable[..., Episode]
OLGA = Actor("olga")


def numbers(row: Dataset) -> dict[str, int]:
    return {str(pk): number for pk, number in row.episodes.order_by("number").values_list("pk", "number")}


def in_take(episode: Episode) -> Any:
    return json.loads((episode.take_path / "take.json").read_text()).get("number")


def test_episodes_count_from_1_in_each_dataset(cubes: Dataset, make_episode: MakeEpisode) -> None:
    Dataset.objects.create(slug="cups")
    made = [make_episode(), make_episode(dataset="cups"), make_episode()]
    assert [(each.dataset.slug, each.number) for each in made] == [("cubes", 1), ("cups", 1), ("cubes", 2)]
    assert str(made[2]).startswith("#2 ")


@pytest.mark.parametrize(
    ("text", "number"), [("#12", 12), ("12", 12), ("#0", None), ("#", None), ("x", None), ("²", None), ("9" * 30, None)]
)
def test_a_number_is_read_as_it_is_printed(text: str, number: int | None) -> None:
    assert parse_number(text) == number
    assert format_number(12) == "#12"


@pytest.mark.django_db(transaction=True)
def test_two_threads_never_get_the_same_number(transactional_db: None) -> None:
    row, begin, problems = Dataset.objects.create(slug="cubes"), Barrier(2), []

    def record() -> None:
        begin.wait(30)
        try:
            for _ in range(10):
                Episode.objects.create(dataset=row, task="push")
        except Exception as error:  # noqa: BLE001 - reported by the assertion
            problems.append(error)
        finally:
            connection.close()

    threads = [Thread(target=record) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == [] and list(numbers(row).values()) == list(range(1, 21))


def test_the_number_of_a_deleted_take_is_never_given_again(cubes: Dataset, make_episode: MakeEpisode) -> None:
    first, last = make_episode(), make_episode()
    set_verdict(episodes=[last], verdict="reject", actor=OLGA)
    empty_trash(actor=OLGA)
    last.refresh_from_db()
    assert last.purged_at is not None
    Episode.objects.filter(pk=last.pk).delete()
    assert (first.number, last.number, make_episode().number) == (1, 2, 3)


def test_nor_is_it_once_the_database_was_rebuilt(cubes: Dataset, make_episode: MakeEpisode) -> None:
    kept = make_episode()
    assess(episode=kept)
    set_verdict(episodes=[make_episode()], verdict="reject", actor=OLGA)
    empty_trash(actor=OLGA)
    rebuild()
    assert Episode.objects.get(pk=kept.pk).number == 1
    assert Episode.objects.create(dataset=Dataset.objects.get(slug="cubes")).number == 3


def test_a_change_that_fails_gives_no_number(cubes: Dataset, make_episode: MakeEpisode) -> None:
    pk = make_episode().pk
    with pytest.raises(IntegrityError), transaction.atomic():
        Episode.objects.create(pk=pk, dataset=cubes)
    assert make_episode().number == 2


def test_a_take_has_its_number_in_its_folder(cubes: Dataset, make_episode: MakeEpisode) -> None:
    judged, assessed = (make_episode(verdict="unreviewed") for _ in range(2))
    set_verdict(episodes=[judged], verdict="keep", actor=OLGA)
    assess(episode=assessed)
    assert (in_take(judged), in_take(assessed)) == (1, 2)
    (history,) = json.loads((judged.take_path / "take.json").read_text())["curation"]["history"]
    assert history["changes"] == {"verdict": "keep"}


def test_a_rebuilt_take_has_the_number_that_it_had(cubes: Dataset, make_episode: MakeEpisode) -> None:
    first, *others = [make_episode() for _ in range(3)]
    for each in (first, *others):
        assess(episode=each)
    before = numbers(cubes)
    shutil.rmtree(first.take_path)
    # It is the oldest, and has no number in its folder.
    write_take(first.take_path, number=0, ticks=3, cameras=())
    rebuild()
    after = numbers(Dataset.objects.get(slug="cubes"))
    assert [after[str(each.pk)] for each in others] == [before[str(each.pk)] for each in others] == [2, 3]
    assert after[str(first.pk)] == 4  # of a folder without one, nobody knows whether 1 was given


@pytest.mark.parametrize("odd", [0, -3, "2", True, 1.0, 2**31])
def test_a_number_that_is_none_is_flagged_and_replaced(
    cubes: Dataset, make_episode: MakeEpisode, odd: Any, settings: Any
) -> None:
    make_episode()
    folder = Path(settings.SPOOL_DIR) / str(uuid.uuid4())
    write_take(folder, number=2, ticks=3, cameras=())
    manifest = json.loads((folder / "take.json").read_text())
    (folder / "take.json").write_text(json.dumps({**manifest, "number": odd}))
    recover()
    row = Episode.objects.get(pk=folder.name)
    assert row.number == 2 and in_take(row) == 2


def test_a_copied_folder_gets_another_number(cubes: Dataset, make_episode: MakeEpisode) -> None:
    episode = make_episode()
    assess(episode=episode)
    copied = episode.take_path.with_name(str(uuid.uuid4()))
    shutil.copytree(episode.take_path, copied)
    recover()
    row = Episode.objects.get(pk=copied.name)
    assert (episode.number, row.number, in_take(episode), in_take(row)) == (1, 2, 1, 2)
    assert not row.marks


def test_numbers_outlive_commits_edits_and_a_rebuild(four: list[Episode], cubes: Dataset) -> None:
    assert [(each.number, each.episode_index) for each in four] == [(1, 0), (2, 1), (3, 2), (4, 3)]
    set_verdict(episodes=four[:1], verdict="reject", actor=OLGA)
    done(apply_changes(dataset=cubes, actor=OLGA))
    rest = {str(each.pk): each.number for each in four[1:]}
    assert [entry(each)["number"] for each in four[1:]] == [2, 3, 4]
    rebuild()
    row = dataset("cubes")
    assert numbers(row) == rest
    assert list(row.episodes.order_by("number").values_list("number", "episode_index")) == [(2, 0), (3, 1), (4, 2)]
    assert Episode.objects.create(dataset=row).number == 5


def test_episodes_of_other_programs_are_numbered_by_their_index(four: list[Episode], cubes: Dataset) -> None:
    (cubes.path / SIDECAR).unlink()
    rebuild()
    row = dataset("cubes")
    pairs = row.episodes.order_by("number").values_list("number", "episode_index")
    assert list(pairs) == [(1, 0), (2, 1), (3, 2), (4, 3)]
    assert Episode.objects.create(dataset=row).number == 5 and not (row.path / SIDECAR).exists()


def test_a_sidecar_without_numbers_gets_those_of_the_rows(four: list[Episode], cubes: Dataset) -> None:
    path = cubes.path / SIDECAR
    sidecar = json.loads(path.read_text())
    for each in sidecar["episodes"]:
        del each["number"]
    path.write_text(json.dumps(sidecar))
    Episode.objects.filter(pk=four[3].pk).update(number=9)
    refresh_dataset(dataset=cubes)
    adopt_sidecar(cubes)
    assert [entry(each)["number"] for each in four] == [1, 2, 3, 9]


@pytest.mark.parametrize("few", [0, 500])
def test_rows_get_what_the_sidecar_says_of_them(
    four: list[Episode], cubes: Dataset, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    """Those of few entries are asked for by name; those of many are all read."""
    monkeypatch.setattr("recorder.catalog.sidecars._FEW", few)
    path = cubes.path / SIDECAR
    sidecar = json.loads(path.read_text())
    for each in sidecar["episodes"]:
        each.pop("verdict", None)
    third = next(each for each in sidecar["episodes"] if each["uuid"] == str(four[2].pk))
    third |= {"verdict": "keep", "note": "a good one"}
    path.write_text(json.dumps(sidecar))
    assert adopt_sidecar(cubes) == 1
    found = cubes.episodes.order_by("episode_index").values_list("verdict", "note")
    assert [pair == ("keep", "a good one") for pair in found] == [each == four[2] for each in four]
    assert adopt_sidecar(cubes) == 0


def test_an_edit_while_the_sidecar_is_compared_stays(
    four: list[Episode], cubes: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read of the sidecar before the edit is older than the row."""

    def edited_meanwhile(*args: Any) -> Any:
        before = read_sidecar(*args)
        edit_episodes(episodes=[four[1]], actor=OLGA, task="raise the cube")
        return before

    monkeypatch.setattr("recorder.catalog.sidecars.read_sidecar", edited_meanwhile)
    assert adopt_sidecar(cubes) == 0
    assert Episode.objects.get(pk=four[1].pk).task == "raise the cube"


def test_copies_and_moved_episodes_get_numbers_of_the_other_dataset(four: list[Episode], cubes: Dataset) -> None:
    done(copy(cubes, [four[2], four[0]], Destination(title="Best")))
    best = dataset("best")
    assert list(numbers(best).values()) == [1, 2]
    operation = done(copy(cubes, [four[3]], Destination(best), move=True))
    moved = Episode.objects.get(pk=four[3].pk)
    assert (moved.dataset, moved.number, entry(moved)["number"]) == (best, 3, 3)
    assert list(numbers(cubes).values()) == [1, 2, 3]
    assert Episode.objects.create(dataset=cubes).number == 5  # 4 was given to the one that has moved
    done(undo_transfer(operation=operation, actor=OLGA))
    moved.refresh_from_db()
    assert (moved.dataset, moved.number) == (cubes, 4)


def test_a_move_to_a_new_dataset_is_undone_with_the_numbers(four: list[Episode], cubes: Dataset) -> None:
    operation = done(copy(cubes, [four[2]], Destination(title="Alone"), move=True))
    assert Episode.objects.get(pk=four[2].pk).number == 1
    done(undo_transfer(operation=operation, actor=OLGA))
    assert list(numbers(cubes).values()) == [1, 2, 3, 4]
    assert Episode.objects.get(pk=four[2].pk).number == 3


def test_the_migration_numbers_by_the_time_of_recording(cubes: Dataset, make_episode: MakeEpisode) -> None:
    made = [make_episode() for _ in range(3)]
    for place, episode in enumerate(made):
        Episode.objects.filter(pk=episode.pk).update(number=50 - place)
    Dataset.objects.update(next_number=1)
    import_module("recorder.migrations.0004_numbers").give_numbers(apps, None)
    assert numbers(cubes) == {str(episode.pk): place for place, episode in enumerate(made, 1)}
    assert Episode.objects.create(dataset=cubes).number == 4
