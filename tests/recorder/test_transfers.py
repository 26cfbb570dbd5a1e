"""Copy, move, split, merge and duplicate as operations: what they make, what they leave, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from recorder.actor import Actor
from recorder.catalog.transfer_undo import can_undo, undo_transfer
from recorder.catalog.transfers import (
    Destination,
    Maps,
    parts_by_share,
    parts_by_task,
    preview_of_copy,
    preview_of_merge,
    start_duplicate,
    start_merge,
    start_split,
)
from recorder.errors import Refused
from recorder.jobs.operations import cancel_operation
from recorder.models import Dataset, Episode, Operation
from recorder.review.verdicts import edit_episodes, set_verdict
from recorder.worker import run, transfer
from recorder.worker.recover import rebuild
from recorder.worker.sweep import sweep
from tests.recorder.conftest import frames
from tests.support.transfers import copy, dataset, done, ids

pytestmark = pytest.mark.django_db(transaction=True)
OLGA = Actor("olga")


def test_episodes_are_copied_to_a_new_dataset_and_back_out(four: list[Episode], cubes: Dataset) -> None:
    whole, before = frames(cubes), ids(cubes)
    operation = done(copy(cubes, [four[2], four[0]], Destination(title="Best pushes")))
    best = dataset("best-pushes")
    assert (best.title, best.total_episodes, best.encoding) == ("Best pushes", 2, cubes.encoding)
    assert frames(best) == [whole[0], whole[2]]
    assert set(ids(best)).isdisjoint(before) and frames(cubes) == whole and ids(cubes) == before
    assert operation.result["made"] == [{"slug": "best-pushes", "title": "Best pushes", "new": True, "revision": 1}]
    assert can_undo(operation)
    done(undo_transfer(operation=operation, actor=OLGA))
    assert not Dataset.objects.filter(slug="best-pushes").exists() and not best.path.exists()
    assert Episode.objects.committed().count() == 4 and not can_undo(operation)
    with pytest.raises(Refused, check=lambda refused: refused.code == "nothing_to_undo"):
        undo_transfer(operation=operation, actor=OLGA)


def test_moved_episodes_keep_their_ids_and_come_back(four: list[Episode], cubes: Dataset) -> None:
    whole, before = frames(cubes), ids(cubes)
    edit_episodes(episodes=[four[1]], actor=OLGA, note="slipped")
    done(copy(cubes, [four[3]], Destination(title="Others")))
    others = dataset("others")
    operation = done(copy(cubes, [four[1], four[2]], Destination(others), move=True))
    assert ids(cubes) == [before[0], before[3]] and ids(others)[1:] == before[1:3]
    assert frames(others) == [whole[3], whole[1], whole[2]] and frames(cubes) == [whole[0], whole[3]]
    assert Episode.objects.get(pk=before[1]).note == "slipped"
    done(undo_transfer(operation=operation, actor=OLGA))
    assert ids(cubes) == before and frames(cubes) == whole
    assert frames(others) == [whole[3]]
    assert Episode.objects.get(pk=before[1]).note == "slipped"


def test_a_move_to_a_new_dataset_comes_back(four: list[Episode], cubes: Dataset) -> None:
    whole, before = frames(cubes), ids(cubes)
    operation = done(copy(cubes, four[:1], Destination(title="Alone"), move=True))
    assert ids(dataset("alone")) == before[:1] and ids(cubes) == before[1:]
    done(undo_transfer(operation=operation, actor=OLGA))
    assert ids(cubes) == before and frames(cubes) == whole
    assert not Dataset.objects.filter(slug="alone").exists()


def test_a_dataset_is_split_merged_and_duplicated(four: list[Episode], cubes: Dataset) -> None:
    whole = frames(cubes)
    parts = parts_by_share(cubes, [("Train", 0.75), ("Val", 0.25)])
    operation = done(start_split(dataset=cubes, parts=parts, actor=OLGA))
    assert (frames(dataset("train")), frames(dataset("val"))) == (whole[:3], whole[3:])
    merged = start_merge(dataset=dataset("val"), others=[dataset("train")], title="Both", maps=Maps(), actor=OLGA)
    done(merged)
    assert frames(dataset("both")) == [whole[3], *whole[:3]]
    done(start_duplicate(dataset=cubes, title="Cubes again", actor=OLGA))
    assert frames(dataset("cubes-again")) == whole
    done(undo_transfer(operation=merged, actor=OLGA))
    with pytest.raises(Refused, match="Val was worked on since"):
        undo_transfer(operation=operation, actor=OLGA)
    done(start_merge(dataset=cubes, others=[dataset("val")], title="Both", maps=Maps(), actor=OLGA))
    assert frames(dataset("both")) == [*whole, whole[3]] and frames(cubes) == whole
    rebuild()
    titles = {row.slug: row.title for row in Dataset.objects.exclude(slug="cubes")}
    assert titles == {"both": "Both", "train": "Train", "val": "Val", "cubes-again": "Cubes again"}


def test_parts_by_task_hold_each_episode_once(four: list[Episode], cubes: Dataset) -> None:
    Episode.objects.filter(pk=four[1].pk).update(committed_task="stack")
    parts = parts_by_task(cubes)
    assert [(title, len(each)) for title, each in parts] == [("Cubes push", 3), ("Cubes stack", 1)]


def test_what_was_worked_on_is_not_removed(four: list[Episode], cubes: Dataset) -> None:
    operation = done(copy(cubes, four[:2], Destination(title="Best")))
    first = Episode.objects.get(pk=ids(dataset("best"))[0])
    set_verdict(episodes=[first], verdict="reject", actor=OLGA)
    with pytest.raises(Refused, match="worked on since"):
        undo_transfer(operation=operation, actor=OLGA)
    assert dataset("best").path.exists()


@pytest.mark.parametrize("crash_at", ["copy_episodes", "_delete", "_write_rows"])
def test_a_move_is_made_once_whenever_its_worker_dies(
    four: list[Episode], cubes: Dataset, monkeypatch: Any, crash_at: str
) -> None:
    whole = frames(cubes)
    operation = copy(cubes, four[:2], Destination(title="Others"), move=True)

    def dying(real: Callable[..., Any]) -> Callable[..., Any]:
        def die(*args: Any, **kwargs: Any) -> None:
            real(*args, **kwargs)
            raise SystemExit

        return die

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(transfer, crash_at, dying(getattr(transfer, crash_at)))
        run.run_operation(operation.pk)
    Operation.objects.filter(pk=operation.pk, state="running").update(lease_until=operation.created_at)
    sweep()
    run.run_waiting()
    operation.refresh_from_db()
    assert operation.state == "done"
    assert (frames(cubes), frames(dataset("others"))) == (whole[2:], whole[:2])
    assert Episode.objects.committed().count() == 4


def test_a_cancelled_copy_makes_nothing(four: list[Episode], cubes: Dataset) -> None:
    operation = copy(cubes, four[:2], Destination(title="Others"))
    cancel_operation(operation=operation, actor=OLGA)
    assert run.run_operation(operation.pk) is False
    assert not Dataset.objects.filter(slug="others").exists()


def test_a_preview_counts_and_refuses_before_anything_runs(
    four: list[Episode], cubes: Dataset, make_episode: Callable[..., Episode]
) -> None:
    preview = preview_of_copy(dataset=cubes, episodes=four[:2], to=Destination(title="New"), maps=Maps())
    assert (preview.episodes, preview.frames, preview.differing) == (2, four[0].ticks + four[1].ticks, [])
    assert preview.size_bytes > 1000
    take = make_episode()
    refusals: list[tuple[str, Callable[[], Any]]] = [
        ("not_committed", lambda: copy(cubes, [four[0], take], Destination(title="New"))),
        ("same", lambda: copy(cubes, four[:1], Destination(cubes))),
        ("exists", lambda: copy(cubes, four[:1], Destination(title="cubes"))),
        ("same", lambda: preview_of_merge(dataset=cubes, others=[cubes], maps=Maps())),
        ("nothing", lambda: start_split(dataset=cubes, parts=[("A", [])], actor=OLGA)),
        ("twice", lambda: start_split(dataset=cubes, parts=[("A", ["x"]), ("B", ["x"])], actor=OLGA)),
    ]
    for code, ask in refusals:
        with pytest.raises(Refused) as caught:
            ask()
        assert caught.value.code == code
    assert not Operation.objects.exclude(type="encode").exists()
