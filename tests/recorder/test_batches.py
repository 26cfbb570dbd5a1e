from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from recorder.actor import Actor
from recorder.errors import Refused
from recorder.jobs.encoding import apply_policy, start_encoding
from recorder.jobs.operations import cancel_operation, retry_operation
from recorder.jobs.progress import encoding_progress
from recorder.live.sessions import end_session, start_session
from recorder.models import Dataset, Episode, Job, Operation, Policy, Rig, Session
from recorder.review.verdicts import set_verdict
from tests.recorder.conftest import FRONT, TOP, work

MakeEpisode = Callable[..., Episode]


def states(*episodes: Episode) -> list[str]:
    for episode in episodes:
        episode.refresh_from_db()
    return [episode.state for episode in episodes]


def policy(dataset: Dataset, name: str, **more: Any) -> Dataset:
    Dataset.objects.filter(pk=dataset.pk).update(policy=name, **more)
    dataset.refresh_from_db()
    return dataset


def test_it_takes_what_is_kept_and_nothing_else(cubes: Dataset, make_episode: MakeEpisode) -> None:
    kept = make_episode(cameras=(FRONT, TOP))
    others = [make_episode(verdict="unreviewed"), make_episode(verdict="reject"), make_episode(state="recording")]
    operation = start_encoding(dataset=cubes, actor=Actor("olga"))
    assert states(kept, *others) == ["encoding", "recorded", "recorded", "recording"]
    assert [(job.camera, job.frames_total) for job in operation.jobs.all()] == [(FRONT, 8), (TOP, 8)]
    assert (operation.started_by, operation.reason, operation.arguments["encoding"]["codec"]) == (
        "olga",
        "by hand",
        "h264",
    )


@pytest.mark.django_db(transaction=True)
def test_it_rings_once_for_each_job_after_the_commit(
    transactional_db: None, cubes: Dataset, make_episode: MakeEpisode, bells: list[Any]
) -> None:
    make_episode(cameras=(FRONT, TOP))
    bells.clear()
    with transaction.atomic():
        start_encoding(dataset=cubes, actor=Actor("olga"))
        assert bells == []
    assert bells == [("run_job", (pk,)) for pk in Job.objects.values_list("pk", flat=True)]


def test_it_takes_unreviewed_ones_where_asked(cubes: Dataset, make_episode: MakeEpisode) -> None:
    make_episode(verdict="unreviewed")
    with pytest.raises(Refused, match="Cubes has no kept take"):
        start_encoding(dataset=cubes, actor=Actor("olga"))
    assert start_encoding(dataset=cubes, actor=Actor("olga"), include_unreviewed=True).jobs.count() == 1


def test_it_tells_the_second_who_was_first(cubes: Dataset, make_episode: MakeEpisode) -> None:
    episode = make_episode()
    start_encoding(dataset=cubes, actor=Actor("olga"))
    with pytest.raises(Refused, match=r"is being encoded since \d\d:\d\d:\d\d UTC by olga"):
        start_encoding(dataset=cubes, actor=Actor("sven"), episodes=[episode])
    assert Operation.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_it_has_one_effect_when_many_press_at_once(
    transactional_db: None, cubes: Dataset, make_episode: MakeEpisode
) -> None:
    for _ in range(4):
        make_episode(ticks=1, cameras=())
    barrier, refused = threading.Barrier(6), []

    def press(who: str) -> None:
        barrier.wait()
        try:
            start_encoding(dataset=cubes, actor=Actor(who))
        except Refused as error:
            refused.append(error.code)
        connection.close()

    threads = [threading.Thread(target=press, args=(f"person {n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Operation.objects.count() == 1 and Job.objects.count() == 4 and refused == ["encoding"] * 5


def test_it_leaves_alone_what_is_rejected_at_the_same_moment(
    cubes: Dataset, make_episode: MakeEpisode, monkeypatch: pytest.MonkeyPatch
) -> None:
    from recorder.jobs import encoding

    kept, rejected = make_episode(), make_episode()
    real = encoding._cameras

    def reject_meanwhile(episode: Episode) -> list[str]:
        Episode.objects.filter(pk=rejected.pk).update(verdict="reject")
        return real(episode)

    monkeypatch.setattr(encoding, "_cameras", reject_meanwhile)
    start_encoding(dataset=cubes, actor=Actor("olga"))
    assert states(kept, rejected) == ["encoding", "recorded"]


def test_it_gives_episodes_back_as_they_were(cubes: Dataset, make_episode: MakeEpisode) -> None:
    whole, cut = make_episode(), make_episode(state="interrupted")
    operation = start_encoding(dataset=cubes, actor=Actor("olga"))
    cancel_operation(operation=operation, actor=Actor("sven"))
    assert states(whole, cut) == ["recorded", "interrupted"]
    assert (operation.state, operation.error) == ("cancelled", "Cancelled by sven.")
    assert set(operation.jobs.values_list("state", flat=True)) == {"cancelled"}
    with pytest.raises(Refused, match="is cancelled since"):
        cancel_operation(operation=operation, actor=Actor("olga"))


def test_it_does_not_cancel_what_is_being_written(cubes: Dataset, make_episode: MakeEpisode) -> None:
    make_episode()
    operation = start_encoding(dataset=cubes, actor=Actor("olga"))
    Operation.objects.update(state="running", token="a worker's")
    with pytest.raises(Refused, match="is being written into the dataset"):
        cancel_operation(operation=operation, actor=Actor("olga"))


def test_it_tries_again_only_what_failed(cubes: Dataset, make_episode: MakeEpisode) -> None:
    make_episode()
    operation = start_encoding(dataset=cubes, actor=Actor("olga"))
    with pytest.raises(Refused, match="only a failed batch"):
        retry_operation(operation=operation, actor=Actor("olga"))


@pytest.mark.parametrize(("count", "operations"), [(1, 0), (2, 0), (3, 1), (4, 1)])
def test_it_encodes_after_every_so_many_kept_takes(
    cubes: Dataset, make_episode: MakeEpisode, count: int, operations: int
) -> None:
    policy(cubes, Policy.EVERY, every=3)
    for _ in range(count):
        set_verdict(episodes=[make_episode(verdict="unreviewed")], verdict="keep", actor=Actor("olga"))
    assert Operation.objects.count() == operations
    assert Episode.objects.filter(state="recorded").count() == count - 3 * operations, "the rest waits, and is seen"


def test_it_encodes_each_take_at_once_where_nobody_reviews(cubes: Dataset, make_episode: MakeEpisode) -> None:
    policy(cubes, Policy.EVERY, every=1, encode_unreviewed=True)
    assert states(make_episode(verdict="unreviewed"), make_episode(verdict="unreviewed")) == ["encoding", "encoding"]
    assert list(Operation.objects.values_list("reason", flat=True)) == ["every take"] * 2


def test_it_encodes_at_the_end_of_the_session(cubes: Dataset, make_episode: MakeEpisode) -> None:
    policy(cubes, Policy.SESSION)
    session = Session.objects.create(rig=Rig.objects.create(name="sim"), dataset=cubes, task="push")
    kept, unreviewed = make_episode(session=str(session.pk)), make_episode(verdict="unreviewed")
    assert apply_policy(dataset=cubes) is None
    operation = end_session(session=session, actor=Actor("olga"))
    assert operation is not None and operation.reason == "end of session"
    assert states(kept, unreviewed) == ["encoding", "recorded"]


def test_it_makes_up_for_a_session_whose_end_was_cut_off(cubes: Dataset, make_episode: MakeEpisode) -> None:
    policy(cubes, Policy.SESSION)
    session = Session.objects.create(rig=Rig.objects.create(name="sim"), dataset=cubes, task="push")
    make_episode(session=str(session.pk))
    Session.objects.update(ended_at=timezone.now())  # and then the process was killed
    assert apply_policy(dataset=cubes) is not None


def test_it_does_not_bring_back_by_policy_what_a_person_has_cancelled(
    cubes: Dataset, make_episode: MakeEpisode
) -> None:
    policy(cubes, Policy.EVERY, every=1)
    first = make_episode()
    operation = apply_policy(dataset=cubes)
    assert operation is not None
    cancel_operation(operation=operation, actor=Actor("olga"))
    assert apply_policy(dataset=cubes) is None and states(first) == ["recorded"]
    assert start_encoding(dataset=cubes, actor=Actor("olga")).jobs.count() == 1, "by hand it is"


def test_it_says_how_far_a_batch_is(cubes: Dataset, make_episode: MakeEpisode) -> None:
    make_episode(ticks=8)
    make_episode(ticks=20)
    operation = start_encoding(dataset=cubes, actor=Actor("olga"))
    first, second = operation.jobs.all()
    now = timezone.now()
    Job.objects.filter(pk=first.pk).update(
        state="done", frames_done=8, started_at=now - timedelta(seconds=3), finished_at=now - timedelta(seconds=2)
    )
    Job.objects.filter(pk=second.pk).update(state="running", frames_done=4, started_at=now - timedelta(seconds=0.5))
    progress = encoding_progress(operation)
    assert (progress.frames_done, progress.frames_total, progress.percent) == (12, 28, 42)
    assert progress.fps == pytest.approx(8, rel=0.1) and progress.seconds_left == pytest.approx(2, rel=0.1)
    assert [(one.state, one.frames_done, one.frames_total) for one in progress.episodes] == [
        ("done", 8, 8),
        ("running", 4, 20),
    ]


@pytest.mark.django_db(transaction=True)
def test_it_counts_a_finished_batch_as_whole(transactional_db: None, cubes: Dataset, make_episode: MakeEpisode) -> None:
    make_episode()
    progress = encoding_progress(work(start_encoding(dataset=cubes, actor=Actor("olga"))))
    assert (progress.percent, progress.fps, progress.seconds_left) == (100, None, None)


def of_size(width: int, height: int) -> dict[str, Any]:
    names = ["height", "width", "channels"]
    return {"features": {FRONT: {"dtype": "video", "shape": [height, width, 3], "names": names}}}


def test_it_refuses_pictures_that_the_codec_cannot_encode_before_anything_is_recorded_or_encoded(
    cubes: Dataset, make_episode: MakeEpisode
) -> None:
    """x265 writes behind its buffer where a picture is this narrow, and takes the worker's process along."""
    Dataset.objects.update(encoding={"codec": "hevc", "crf": 23, "g": 2, "pix_fmt": "yuv420p"})
    cubes.refresh_from_db()
    rig = Rig.objects.create(name="sim", state="idle", **of_size(48, 32))
    with pytest.raises(Refused, match="48x32") as refusal:
        start_session(rig=rig, dataset=cubes, task="push", actor=Actor("olga"))
    assert refusal.value.code == "size" and not Session.objects.exists()
    kept = make_episode(cameras=(), **of_size(48, 32))
    cubes.refresh_from_db()
    with pytest.raises(Refused, match="48x32"):
        start_encoding(dataset=cubes, actor=Actor("olga"))
    assert states(kept) == ["recorded"] and not Operation.objects.exists()
    Rig.objects.update(**of_size(64, 32))
    rig.refresh_from_db()
    assert start_session(rig=rig, dataset=cubes, task="push", actor=Actor("olga"))[1]


@pytest.mark.django_db(transaction=True)
def test_a_policy_s_take_fails_in_words_where_the_codec_cannot_encode_its_pictures(
    transactional_db: None, cubes: Dataset, make_episode: MakeEpisode
) -> None:
    policy(cubes, Policy.EVERY, every=1, encoding={"codec": "hevc", "crf": 23, "g": 2, "pix_fmt": "yuv420p"})
    kept = make_episode(cameras=(), **of_size(48, 32))
    operation = apply_policy(dataset=cubes)
    assert operation is not None and work(operation).state == "failed"
    assert states(kept) == ["failed"] and "48x32" in kept.error
