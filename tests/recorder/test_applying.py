"""What is planned of committed episodes becomes one new revision; and the way back."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from recorder.actor import Actor
from recorder.catalog.datasets_on_disk import refresh_dataset
from recorder.errors import Refused
from recorder.jobs.encoding import start_encoding
from recorder.jobs.operations import cancel_operation, retry_operation
from recorder.jobs.revising import apply_changes, planned_counts, start_revert
from recorder.jobs.revisions import revisions_of
from recorder.models import Dataset, Episode, Operation
from recorder.review.verdicts import edit_episodes, set_verdict, undo
from recorder.worker import revise, run
from recorder.worker.recover import rebuild, recover
from recorder.worker.sweep import sweep
from robotdata.dataset.annotations import planned_edit
from robotdata.dataset.layout import SIDECAR
from robotdata.dataset.lock import dataset_lock
from robotdata.dataset.write.edit import apply_edit
from tests.recorder.conftest import FOUR, frames, work

MakeEpisode = Callable[..., Episode]
pytestmark = pytest.mark.django_db(transaction=True)


def done(operation: Operation) -> Operation:
    run.run_operation(operation.pk)
    operation.refresh_from_db()
    return operation


def rows(dataset: Dataset) -> list[tuple[str, int, str]]:
    found = dataset.episodes.committed().order_by("episode_index")
    assert [row.episode_index for row in found] == list(range(len(found)))
    return [(str(row.pk), row.ticks, row.task) for row in found]


def plan(four: list[Episode]) -> None:
    """Delete the second, relabel and trim the first, trim the last."""
    set_verdict(episodes=[four[1]], verdict="reject", actor=Actor("olga"))
    edit_episodes(episodes=[four[0]], actor=Actor("olga"), task="stack", trim_first=3, trim_end=6)
    edit_episodes(episodes=[four[3]], actor=Actor("olga"), trim_first=0, trim_end=1)


APPLIED = [(1, [2, 3, 4, 5]), (3, list(range(7))), (4, [0])]


def test_it_applies_all_in_one_revision(four: list[Episode], cubes: Dataset, bells: Any) -> None:
    plan(four)
    operation = apply_changes(dataset=cubes, actor=Actor("sven"))
    assert bells[-1] == ("run_operation", (str(operation.pk),))
    assert (done(operation).state, operation.steps_done, operation.steps_total) == ("done", operation.steps_total, 5)
    assert frames(cubes) == APPLIED
    ids = [str(four[n].pk) for n in (0, 2, 3)]
    assert rows(cubes) == list(zip(ids, (4, 7, 1), ("stack", "push", "push"), strict=True))
    cubes.refresh_from_db()
    assert (cubes.revision, cubes.total_episodes, cubes.total_frames) == (2, 3, 12)
    gone = Episode.objects.get(pk=four[1].pk)
    assert (gone.episode_index, gone.purged_at is not None) == (None, True) and "no longer in Cubes" in gone.error
    assert not Episode.objects.trashed().exists() and not Episode.objects.takes().exists()
    assert planned_counts(cubes) == {"delete": 0, "relabel": 0, "trim": 0}
    with pytest.raises(Refused, check=lambda refused: refused.code == "nothing_to_undo"):
        undo(actor=Actor("olga"))


def test_it_goes_back_and_back_again(four: list[Episode], cubes: Dataset) -> None:
    whole = frames(cubes)
    plan(four)
    done(apply_changes(dataset=cubes, actor=Actor("sven")))
    edit_episodes(episodes=[four[2]], actor=Actor("olga"), labels=["night"])
    assert done(start_revert(dataset=cubes, revision=1, actor=Actor("olga"))).state == "done"
    assert frames(cubes) == whole
    back = {str(row.pk): row for row in cubes.episodes.committed()}
    assert [back[str(one.pk)].ticks for one in four] == list(FOUR)
    assert back[str(four[2].pk)].labels == ["night"], "what people say stays"
    assert planned_counts(cubes) == {"delete": 1, "relabel": 1, "trim": 2}, "and may be applied again"
    done(start_revert(dataset=cubes, revision=2, actor=Actor("olga")))
    assert frames(cubes) == APPLIED and [ticks for _, ticks, _ in rows(cubes)] == [4, 7, 1]
    done(start_revert(dataset=cubes, revision=3, actor=Actor("olga")))
    done(apply_changes(dataset=cubes, actor=Actor("sven")))
    assert frames(cubes) == APPLIED


def test_it_lists_what_was_done_when_by_whom(four: list[Episode], cubes: Dataset) -> None:
    plan(four)
    done(apply_changes(dataset=cubes, actor=Actor("sven")))
    done(start_revert(dataset=cubes, revision=1, actor=Actor("olga")))
    found = revisions_of(cubes)
    assert [(r.number, r.present, r.what, r.by, r.episodes, r.frames) for r in found] == [
        (3, True, "reverted", "olga", 4, 26),
        (2, False, "edited", "sven", 3, 12),
        (1, False, "committed", "olga", 4, 26),
    ]
    assert found[0].reverted_to == 1
    assert found[1].counts == {"deleted": 1, "relabelled": 1, "trimmed": 2}
    assert found[2].counts == {"committed": 4}
    assert all(abs((timezone.now() - r.at).total_seconds()) < 600 for r in found)


def test_it_applies_what_was_planned_when_it_was_pressed(four: list[Episode], cubes: Dataset) -> None:
    plan(four)
    operation = apply_changes(dataset=cubes, actor=Actor("sven"))
    set_verdict(episodes=[four[2]], verdict="reject", actor=Actor("olga"))  # later
    set_verdict(episodes=[four[1]], verdict="keep", actor=Actor("olga"))  # thought better of it in time
    done(operation)
    assert [number for number, _ in frames(cubes)] == [1, 2, 3, 4]
    assert planned_counts(cubes) == {"delete": 1, "relabel": 0, "trim": 0}


def test_it_refuses_what_cannot_be_applied(four: list[Episode], cubes: Dataset, make_episode: MakeEpisode) -> None:
    with pytest.raises(Refused, check=lambda refused: refused.code == "nothing"):
        apply_changes(dataset=cubes, actor=Actor("olga"))
    with pytest.raises(Refused, match="available: none"):
        start_revert(dataset=cubes, revision=7, actor=Actor("olga"))
    set_verdict(episodes=four, verdict="reject", actor=Actor("olga"))
    with pytest.raises(Refused, match="keep at least one"):
        apply_changes(dataset=cubes, actor=Actor("olga"))
    set_verdict(episodes=four[:1], verdict="keep", actor=Actor("olga"))
    make_episode()
    commit = start_encoding(dataset=cubes, actor=Actor("olga"))
    Operation.objects.filter(pk=commit.pk).update(state="running")
    with pytest.raises(Refused, match="gets new episodes since .* by olga"):
        apply_changes(dataset=cubes, actor=Actor("olga"))
    Operation.objects.filter(pk=commit.pk).update(state="encoding")
    operation = apply_changes(dataset=cubes, actor=Actor("sven"))
    with pytest.raises(Refused, match="is being changed since .* by sven"):
        apply_changes(dataset=cubes, actor=Actor("olga"))
    Operation.objects.filter(pk=operation.pk).update(token="a worker's")
    with pytest.raises(Refused, match="written into the dataset"):
        cancel_operation(operation=operation, actor=Actor("olga"))


def test_of_two_who_press_at_once_one_has_the_effect(four: list[Episode], cubes: Dataset, monkeypatch: Any) -> None:
    plan(four)
    apply_changes(dataset=cubes, actor=Actor("olga"))
    monkeypatch.setattr("recorder.jobs.operation_rows._check_free", lambda _: None)  # both looked before
    with pytest.raises(Refused, match="is being changed"):
        apply_changes(dataset=cubes, actor=Actor("sven"))
    assert Operation.objects.filter(type="edit").count() == 1


@pytest.mark.parametrize("how", ["apply", "revert"])
def test_it_ends_the_same_when_killed_between_folder_and_rows(
    four: list[Episode], cubes: Dataset, monkeypatch: Any, how: str
) -> None:
    plan(four)
    operation = apply_changes(dataset=cubes, actor=Actor("sven"))
    if how == "revert":
        done(operation)
        operation = start_revert(dataset=cubes, revision=1, actor=Actor("olga"))

    class Killed(BaseException):
        pass

    def die(_: Operation) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(revise, "write_rows", die)
        with pytest.raises(Killed):
            run.run_operation(operation.pk)
    revision = json.loads((cubes.path / SIDECAR).read_text())["revision"]
    Operation.objects.filter(pk=operation.pk).update(lease_until=timezone.now() - timedelta(minutes=5))
    sweep()
    assert (done(operation).state, done(operation).error) == ("done", "")
    cubes.refresh_from_db()
    assert cubes.revision == revision, "the state is made once"
    expected = APPLIED if how == "apply" else [(n + 1, list(range(ticks))) for n, ticks in enumerate(FOUR)]
    assert frames(cubes) == expected
    assert [ticks for _, ticks, _ in rows(cubes)] == [len(ticks) for _, ticks in expected]


def test_going_back_is_not_done_again_over_episodes_that_came_meanwhile(
    four: list[Episode], cubes: Dataset, make_episode: MakeEpisode, monkeypatch: Any
) -> None:
    plan(four)
    done(apply_changes(dataset=cubes, actor=Actor("sven")))
    operation = start_revert(dataset=cubes, revision=1, actor=Actor("olga"))
    with monkeypatch.context() as patch:
        patch.setattr(revise, "write_rows", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run.run_operation(operation.pk)
    new = make_episode(4)
    work(start_encoding(dataset=cubes, actor=Actor("olga")))
    assert len(frames(cubes)) == 5
    Operation.objects.filter(pk=operation.pk).update(lease_until=timezone.now() - timedelta(minutes=5))
    sweep()
    assert done(operation).state == "done"
    assert len(frames(cubes)) == 5 and str(new.pk) in [pk for pk, *_ in rows(cubes)]


def test_recover_alone_brings_the_rows_up(four: list[Episode], cubes: Dataset) -> None:
    plan(four)
    where = {"work": cubes.path.parent / ".work", "revisions": cubes.revisions_path}
    apply_edit(cubes.path, planned_edit, **where)  # and the worker died
    recover()
    assert [ticks for _, ticks, _ in rows(cubes)] == [4, 7, 1]
    refresh_dataset(dataset=cubes)
    assert planned_counts(cubes) == {"delete": 0, "relabel": 0, "trim": 0}


def test_a_failed_one_says_why_and_is_tried_again(four: list[Episode], cubes: Dataset) -> None:
    plan(four)
    video = next(cubes.path.rglob("*.mp4"))
    hidden = video.with_suffix(".away")
    video.rename(hidden)
    operation = done(apply_changes(dataset=cubes, actor=Actor("olga")))
    assert operation.state == "failed" and "missing" in operation.error
    assert planned_counts(cubes)["delete"] == 1, "what was planned stays planned"
    hidden.rename(video)
    assert done(retry_operation(operation=operation, actor=Actor("olga"))).state == "done"
    assert frames(cubes) == APPLIED


def test_it_waits_for_who_changes_the_dataset_now(four: list[Episode], cubes: Dataset, monkeypatch: Any) -> None:
    plan(four)
    monkeypatch.setattr(revise, "LOCK_WAIT_S", 0.05)
    operation, held, end = apply_changes(dataset=cubes, actor=Actor("olga")), threading.Event(), threading.Event()

    def hold() -> None:
        with dataset_lock(cubes.path):
            held.set()
            end.wait(20)

    other = threading.Thread(target=hold)
    other.start()
    held.wait(20)
    assert done(operation).state == "running" and "Waits" in operation.error
    end.set()
    other.join()
    Operation.objects.filter(pk=operation.pk).update(lease_until=None)
    assert done(operation).state == "done"


def test_episodes_are_added_after_it(four: list[Episode], cubes: Dataset, make_episode: MakeEpisode) -> None:
    plan(four)
    done(apply_changes(dataset=cubes, actor=Actor("olga")))
    make_episode(3)
    work(start_encoding(dataset=cubes, actor=Actor("olga")))
    assert frames(cubes) == [*APPLIED, (5, [0, 1, 2])]


def test_a_deleted_one_whose_take_is_kept_is_a_rejected_take_again(
    cubes: Dataset, make_episode: MakeEpisode, settings: Any
) -> None:
    settings.KEEP_RAW = True
    first, second = make_episode(8), make_episode(4)
    edit_episodes(episodes=[first], actor=Actor("olga"), trim_first=2, trim_end=6)
    work(start_encoding(dataset=cubes, actor=Actor("olga")))
    set_verdict(episodes=[Episode.objects.get(pk=first.pk)], verdict="reject", actor=Actor("olga"))
    done(apply_changes(dataset=cubes, actor=Actor("olga")))
    row = Episode.objects.get(pk=first.pk)
    assert (row.state, row.ticks, row.trim_first, row.purged_at) == ("recorded", 8, None, None)
    assert [str(one.pk) for one in Episode.objects.trashed()] == [str(first.pk)]
    assert [number for number, _ in frames(cubes)] == [2] and second.pk != first.pk


def test_what_another_program_recorded_keeps_its_name(four: list[Episode], cubes: Dataset) -> None:
    """Its UUID was made from its place; once somebody has said something it is written down."""
    (cubes.path / SIDECAR).unlink()
    rebuild()
    cubes = Dataset.objects.get(slug="cubes")
    found = list(cubes.episodes.committed().order_by("episode_index"))
    assert found[0].pk == uuid.uuid5(uuid.NAMESPACE_URL, "robotdata:cubes/0")
    set_verdict(episodes=found[:1], verdict="reject", actor=Actor("olga"))
    edit_episodes(episodes=found[2:3], actor=Actor("olga"), note="mine")
    done(apply_changes(dataset=cubes, actor=Actor("olga")))
    left = list(cubes.episodes.committed().order_by("episode_index"))
    assert [row.pk for row in left] == [row.pk for row in found[1:]]
    assert [row.note for row in left] == ["", "mine", ""]


def test_what_waits_for_a_worker_is_cancelled_and_its_plans_stay(four: list[Episode], cubes: Dataset) -> None:
    whole = frames(cubes)
    plan(four)
    operation = apply_changes(dataset=cubes, actor=Actor("sven"))
    assert cancel_operation(operation=operation, actor=Actor("olga")).state == "cancelled"
    assert not run.run_operation(operation.pk), "a bell that comes late does nothing"
    sweep()
    assert frames(cubes) == whole and Operation.objects.get(pk=operation.pk).error == "Cancelled by olga."
    assert planned_counts(cubes) == {"delete": 1, "relabel": 1, "trim": 2}
    assert done(apply_changes(dataset=cubes, actor=Actor("sven"))).state == "done"
    assert frames(cubes) == APPLIED
    back = start_revert(dataset=cubes, revision=1, actor=Actor("sven"))
    assert cancel_operation(operation=back, actor=Actor("olga")).state == "cancelled" and frames(cubes) == APPLIED


def test_what_a_worker_has_in_its_hands_is_not_cancelled(four: list[Episode], cubes: Dataset) -> None:
    plan(four)
    operation = apply_changes(dataset=cubes, actor=Actor("sven"))
    assert run.claim_operation(operation.pk) is not None
    with pytest.raises(Refused, match="being written into the dataset"):
        cancel_operation(operation=operation, actor=Actor("olga"))
    assert Operation.objects.get(pk=operation.pk).state == "running"


@pytest.mark.parametrize("where", ["swapped", "building"])
def test_what_a_dead_worker_has_begun_is_looked_at_before_it_is_cancelled(
    four: list[Episode], cubes: Dataset, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """It died after the folder had the new state: that is said, not `cancelled`. Or before: then it is as it was."""

    class Died(BaseException):
        pass

    def die(*_: Any, **__: Any) -> None:
        raise Died

    whole = frames(cubes)
    plan(four)
    operation = apply_changes(dataset=cubes, actor=Actor("sven"))
    dies = "write_rows" if where == "swapped" else "apply_edit"
    monkeypatch.setattr(f"recorder.worker.revise.{dies}", die)
    with pytest.raises(Died):
        run.run_operation(operation.pk)
    monkeypatch.undo()
    Operation.objects.filter(pk=operation.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    sweep()
    if where == "building":
        assert (
            cancel_operation(operation=operation, actor=Actor("olga")).state == "cancelled" and frames(cubes) == whole
        )
        return
    with pytest.raises(Refused, match="in the dataset already"):
        cancel_operation(operation=operation, actor=Actor("olga"))
    assert done(operation).state == "done" and frames(cubes) == APPLIED
