"""Copies, moves and their undo beside other people's work: nothing of theirs is overwritten, removed or mixed up."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recorder.actor import WORKER, Actor
from recorder.catalog import unknown_folders
from recorder.catalog.additions import add_paths
from recorder.catalog.datasets import adopt_folder, create_dataset
from recorder.catalog.transfer_undo import can_undo, undo_transfer
from recorder.catalog.transfers import Destination, start_duplicate
from recorder.errors import Refused
from recorder.jobs.operation_types import spec_of
from recorder.jobs.operations import cancel_operation, retry_operation
from recorder.jobs.revising import apply_changes, start_revert
from recorder.models import Dataset, Episode, Operation
from recorder.review.verdicts import edit_episodes, set_verdict, undo
from recorder.worker import run, transfer
from recorder.worker import undo_transfer as undo_transfer_module
from recorder.worker.sweep import sweep
from robotdata.dataset.errors import EditError
from robotdata.dataset.write import edit
from tests.recorder.conftest import entry, frames
from tests.support.transfers import copy, dataset, done, ids

pytestmark = pytest.mark.django_db(transaction=True)
OLGA = Actor("olga")


def failed(operation: Operation) -> str:
    """Run the operation, which fails for good; return what a person reads."""
    run.run_operation(operation.pk)
    operation.refresh_from_db()
    assert operation.state == "failed"
    return operation.error


def another(cubes: Dataset, slug: str) -> Dataset:
    """Return a copy of the dataset's folder under another name, as somebody brings it."""
    shutil.copytree(cubes.path, cubes.path.with_name(slug))
    return adopt_folder(actor=WORKER, slug=slug)


def test_the_name_of_a_pending_dataset_is_taken(four: list[Episode], cubes: Dataset, tmp_path_factory: Any) -> None:
    two = another(cubes, "two")
    move = copy(cubes, four[:2], Destination(title="Fresh"), move=True)
    with pytest.raises(Refused, match="being made already"):
        copy(two, list(two.episodes.committed()[:1]), Destination(title="fresh"))
    with pytest.raises(Refused, match="being made already"):
        create_dataset(title="FRESH", actor=OLGA)
    assert create_dataset(title="Fresh!", actor=OLGA).slug == "fresh-2"
    brought = tmp_path_factory.mktemp("elsewhere") / "fresh"
    shutil.copytree(cubes.path, brought)
    added = add_paths(paths=[str(brought)], actor=OLGA, wait=True)
    assert [landed.name for landed in added.landed] == ["fresh-3"]
    done(move)
    assert ids(dataset("fresh")) == [four[0].pk, four[1].pk] and dataset("fresh-3").total_episodes == 4


@pytest.mark.parametrize("how", ["folder", "row"])
def test_a_name_that_was_taken_meanwhile_is_left_to_its_owner(four: list[Episode], cubes: Dataset, how: str) -> None:
    operation = copy(cubes, four[:1], Destination(title="Demo"))
    if how == "folder":
        demo = another(cubes, "demo")
    else:
        demo = Dataset.objects.create(slug="demo", title="Demo", encoding={"codec": "h264", "g": 7})
    assert "another dataset has taken the folder demo" in failed(operation)
    again = Dataset.objects.get(pk=demo.pk)
    assert (again.encoding, again.total_episodes) == (demo.encoding, 4 if how == "folder" else 0)


def test_the_undo_of_a_copy_leaves_what_came_before_it(four: list[Episode], cubes: Dataset) -> None:
    """An operation of an older version may have appended to a dataset that it took for its own."""
    done(copy(cubes, four[:1], Destination(title="Best")))
    operation = done(copy(cubes, four[1:2], Destination(dataset("best"))))
    operation.arguments["into"][0]["new"] = True
    operation.save(update_fields=["arguments"])
    with pytest.raises(Refused, match="worked on since"):
        undo_transfer(operation=operation, actor=OLGA)
    assert len(frames(dataset("best"))) == 2


def take_in(made: Dataset) -> None:
    Episode.objects.create(dataset=made, state="recorded", fps=30, ticks=10, task="push")


def duplicate_of(made: Dataset) -> None:
    start_duplicate(dataset=made, title="Again", actor=OLGA)


def reject_in(made: Dataset) -> None:
    set_verdict(episodes=[made.episodes.committed()[0]], verdict="reject", actor=OLGA)


@pytest.mark.parametrize("move", [False, True])
@pytest.mark.parametrize("work_in", [take_in, duplicate_of, reject_in])
def test_what_begins_after_the_request_of_an_undo_is_kept(
    four: list[Episode], cubes: Dataset, move: bool, work_in: Callable[[Dataset], None]
) -> None:
    operation = done(copy(cubes, four[:2], Destination(title="Made"), move=move))
    way_back = undo_transfer(operation=operation, actor=OLGA)
    work_in(dataset("made"))
    rest, moved = ids(cubes), ids(dataset("made"))
    takes = Episode.objects.filter(state="recorded").count()
    assert "Made was worked on since" in failed(way_back)
    assert (ids(cubes), ids(dataset("made"))) == (rest, moved)
    assert len(frames(cubes)) == len(rest) and len(frames(dataset("made"))) == 2
    assert Episode.objects.filter(state="recorded").count() == takes


def test_a_take_that_comes_while_an_undo_runs_is_kept(
    four: list[Episode], cubes: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = done(copy(cubes, four[:2], Destination(title="Made"), move=True))
    way_back = undo_transfer(operation=operation, actor=OLGA)
    real = undo_transfer_module.revert

    def slow_revert(*args: Any, **more: Any) -> Any:
        take_in(dataset("made"))
        return real(*args, **more)

    monkeypatch.setattr(undo_transfer_module, "revert", slow_revert)
    assert "Made was worked on since" in failed(way_back)
    made = dataset("made")
    assert made.episodes.filter(state="recorded").count() == 1 and len(frames(made)) == 2


@pytest.mark.parametrize("crash_at", ["revert", "_remove", "rename"])
def test_an_undo_is_made_once_whenever_its_worker_dies(
    four: list[Episode], cubes: Dataset, monkeypatch: pytest.MonkeyPatch, crash_at: str
) -> None:
    whole, before = frames(cubes), ids(cubes)
    operation = done(copy(cubes, four[:2], Destination(title="Made"), move=True))
    way_back = undo_transfer(operation=operation, actor=OLGA)
    owner, name = (Path, "rename") if crash_at == "rename" else (undo_transfer_module, crash_at)
    real = getattr(owner, name)

    def die(*args: Any, **more: Any) -> None:
        real(*args, **more)
        if crash_at != "rename" or str(args[1]).endswith("@undone"):
            raise SystemExit

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(owner, name, die)
        run.run_operation(way_back.pk)
    Operation.objects.filter(pk=way_back.pk, state="running").update(lease_until=way_back.created_at)
    sweep()
    run.run_waiting()
    way_back.refresh_from_db()
    assert (way_back.state, way_back.error) == ("done", "")
    assert ids(cubes) == before and frames(cubes) == whole
    assert not Dataset.objects.filter(slug="made").exists()


def test_a_move_whose_deletion_is_impossible_makes_nothing(four: list[Episode], cubes: Dataset) -> None:
    path = next(cubes.path.glob("data/*/*.parquet"))
    operation = copy(cubes, four[:1], Destination(title="Gone"), move=True)
    path.rename(path.with_suffix(".away"))
    failed(operation)
    assert not (cubes.path.parent / "gone").exists() and not Dataset.objects.filter(slug="gone").exists()
    cancel_operation(operation=operation, actor=OLGA)
    path.with_suffix(".away").rename(path)
    assert len(frames(cubes)) == 4 and len(ids(cubes)) == 4


def test_a_move_of_episodes_that_are_gone_says_so(four: list[Episode], cubes: Dataset) -> None:
    two = another(cubes, "two")
    operation = copy(cubes, four[:1], Destination(two), move=True)
    edit.delete_episodes(cubes.path, [0], work=cubes.work_path, revisions=cubes.revisions_path)
    assert "1 of the episodes are no longer in Cubes" in failed(operation)
    assert len(frames(two)) == 4 and len(frames(cubes)) == 3


def test_a_failed_move_is_made_when_it_is_tried_again(
    four: list[Episode], cubes: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = frames(cubes)
    operation = copy(cubes, four[:1], Destination(title="Others"), move=True)

    def fail(*_: Any, **__: Any) -> None:
        raise EditError("the disk has had enough")

    with monkeypatch.context() as patch:
        patch.setattr(edit, "compose", fail)
        assert "had enough" in failed(operation)
    assert not (cubes.path.parent / "others").exists()
    done(retry_operation(operation=operation, actor=OLGA))
    assert (frames(cubes), frames(dataset("others"))) == (whole[1:], whole[:1])


class Killed(BaseException):
    """Ends a worker as a power cut does."""


def killed_after_the_copy(operation: Operation) -> None:
    def die(*_: Any, **__: Any) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        real = transfer.copy_episodes
        patch.setattr(transfer, "copy_episodes", lambda *args, **more: die(real(*args, **more)))
        run.run_operation(operation.pk)
    Operation.objects.filter(pk=operation.pk).update(lease_until=operation.created_at)


@pytest.mark.parametrize("new", [False, True])
def test_a_killed_move_keeps_ids_and_words_through_a_sweep(
    four: list[Episode], cubes: Dataset, new: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unknown_folders, "SETTLED_S", -1.0)
    two = another(cubes, "two")
    whole, before, theirs = frames(cubes), ids(cubes), ids(two)
    edit_episodes(episodes=[four[0]], actor=OLGA, note="precious")
    to = Destination(title="Others") if new else Destination(two)
    operation = copy(cubes, four[:1], to, move=True)
    killed_after_the_copy(operation)
    sweep()
    assert ids(cubes) == before and ids(two) == theirs
    edit_episodes(episodes=[Episode.objects.get(pk=before[0])], actor=OLGA, rating=5)
    done(operation)
    dest = dataset("others") if new else two
    assert ids(cubes) == before[1:] and ids(dest) == [*([] if new else theirs), before[0]]
    assert frames(dest)[-1] == whole[0] and frames(cubes) == whole[1:]
    moved = Episode.objects.get(pk=before[0])
    assert (moved.note, moved.rating, entry(moved)["rating"]) == ("precious", 5, 5)


def test_a_killed_move_whose_copy_was_reverted_keeps_the_original(four: list[Episode], cubes: Dataset) -> None:
    two = another(cubes, "two")
    set_verdict(episodes=list(two.episodes.committed()[:1]), verdict="reject", actor=OLGA)
    done(apply_changes(dataset=two, actor=OLGA))
    two.refresh_from_db()
    operation = copy(cubes, four[:1], Destination(two), move=True)
    killed_after_the_copy(operation)
    done(start_revert(dataset=two, revision=two.revision, actor=OLGA))
    assert "no longer in two, so they are kept in Cubes" in failed(operation)
    assert len(frames(cubes)) == 4 and len(ids(cubes)) == 4


@pytest.mark.parametrize("move", [False, True])
def test_words_about_episodes_that_came_are_not_undone_with_them(
    four: list[Episode], cubes: Dataset, move: bool
) -> None:
    two = another(cubes, "two")
    operation = done(copy(cubes, four[:1], Destination(two), move=move))
    came = Episode.objects.get(pk=ids(two)[-1])
    edit_episodes(episodes=[came], actor=OLGA, note="precious")
    with pytest.raises(Refused, match="1 of the episodes that came into two got verdicts or notes since"):
        undo_transfer(operation=operation, actor=OLGA)
    undo(actor=OLGA)
    requested = undo_transfer(operation=operation, actor=OLGA)
    edit_episodes(episodes=[came], actor=OLGA, note="precious again")
    assert "got verdicts or notes since" in failed(requested)
    came.refresh_from_db()
    assert (came.note, came.dataset, len(frames(two))) == ("precious again", two, 5)
    assert len(frames(cubes)) == (3 if move else 4)


def test_words_about_other_episodes_are_kept_by_an_undo(four: list[Episode], cubes: Dataset) -> None:
    two = another(cubes, "two")
    operation = done(copy(cubes, four[:1], Destination(two), move=True))
    other = Episode.objects.get(pk=ids(two)[0])
    edit_episodes(episodes=[other], actor=OLGA, note="kept")
    done(undo_transfer(operation=operation, actor=OLGA))
    other.refresh_from_db()
    assert (other.note, entry(other)["note"], len(frames(two)), len(frames(cubes))) == ("kept", "kept", 4, 4)


def test_an_undo_goes_back_one_revision_and_no_further(four: list[Episode], cubes: Dataset) -> None:
    two = another(cubes, "two")
    for each in four[:2]:
        operation = done(copy(cubes, [each], Destination(two)))
    two.refresh_from_db()
    shutil.rmtree(two.revisions_path / str(two.revision - 1))
    with pytest.raises(Refused, match="which was before: delete the episodes there instead"):
        undo_transfer(operation=operation, actor=OLGA)
    assert len(frames(two)) == 6


def with_a_take(cubes: Dataset, fps: float = 30.0) -> Dataset:
    """Return a dataset of cubes' features with one take, and nothing committed."""
    mine = create_dataset(title="Mine", actor=OLGA)
    facts = {"fps": fps, "features": cubes.features, "robot_type": "arm", "recorded_action": cubes.recorded_action}
    Dataset.objects.filter(pk=mine.pk).update(**facts)
    take_in(mine)
    return dataset("mine")


def test_takes_that_are_not_committed_yet_are_compared(four: list[Episode], cubes: Dataset) -> None:
    cubes.refresh_from_db()
    mine = with_a_take(cubes, fps=50.0)
    with pytest.raises(Refused, match="The episodes do not fit: fps: 30 in cubes, 50 there"):
        copy(cubes, four[:1], Destination(mine))
    Dataset.objects.filter(pk=mine.pk).update(fps=30.0)
    operation = copy(cubes, four[:1], Destination(dataset("mine")))
    Dataset.objects.filter(pk=mine.pk).update(fps=50.0)
    assert "do not fit the takes of Mine: fps: 30 there, 50 here" in failed(operation)
    assert not mine.path.exists() and dataset("mine").fps == 50.0


@pytest.mark.parametrize("move", [False, True])
def test_the_undo_of_a_first_copy_leaves_the_takes(four: list[Episode], cubes: Dataset, move: bool) -> None:
    cubes.refresh_from_db()
    whole, before, mine = frames(cubes), ids(cubes), with_a_take(cubes)
    operation = done(copy(cubes, four[:1], Destination(mine), move=move))
    assert len(frames(mine)) == 1 and can_undo(operation)
    way_back = done(undo_transfer(operation=operation, actor=OLGA))
    assert "remove all committed episodes of Mine" in spec_of(way_back).summary(way_back)
    mine = dataset("mine")
    assert not mine.path.exists() and (mine.total_episodes, mine.revision, mine.fps) == (0, 0, 30.0)
    assert [each.state for each in mine.episodes.all()] == ["recorded"]
    assert ids(cubes) == before and frames(cubes) == whole and not can_undo(operation)
    done(copy(cubes, four[:1], Destination(mine)))


def test_the_undo_of_a_first_copy_keeps_words_about_it(four: list[Episode], cubes: Dataset) -> None:
    cubes.refresh_from_db()
    mine = with_a_take(cubes)
    operation = done(copy(cubes, four[:1], Destination(mine)))
    edit_episodes(episodes=list(mine.episodes.committed()), actor=OLGA, note="precious")
    with pytest.raises(Refused, match="Mine was worked on since"):
        undo_transfer(operation=operation, actor=OLGA)
    assert len(frames(mine)) == 1
