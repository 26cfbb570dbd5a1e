from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from recorder.actor import Actor
from recorder.errors import Refused
from recorder.jobs.encoding import start_encoding
from recorder.jobs.operations import retry_operation
from recorder.models import Dataset, Episode, Job, Operation
from recorder.review.verdicts import edit_episodes
from recorder.worker import commit, encode, run, sweep
from robotdata.dataset.errors import CommitError
from robotdata.dataset.lock import dataset_lock
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.verify.check import verify_dataset
from tests.recorder.conftest import FRONT, TOP, codes, work

pytestmark = pytest.mark.django_db(transaction=True)
MakeEpisode = Callable[..., Episode]


def states(*episodes: Episode) -> list[str]:
    for episode in episodes:
        episode.refresh_from_db()
    return [episode.state for episode in episodes]


def indices(*episodes: Episode) -> list[int | None]:
    for episode in episodes:
        episode.refresh_from_db()
    return [episode.episode_index for episode in episodes]


def encode_all(operation: Operation) -> None:
    for pk in Job.objects.waiting().filter(operation=operation).values_list("pk", flat=True):
        encode.run_job(pk)


def test_a_fractional_rate_and_a_text_feature_reach_the_dataset(
    client: Any, admin_user: Any, cubes: Dataset, make_episode: MakeEpisode
) -> None:
    texts = {"subtask": {"dtype": "string", "shape": [1], "names": None}}
    episode = make_episode(8, fps=12.5, features=texts)
    assert work(start_encoding(dataset=cubes, actor=Actor("olga"))).state == "done"
    again = make_episode(6, fps=12.5, features=texts)
    assert work(start_encoding(dataset=cubes, actor=Actor("olga"))).state == "done"
    assert states(episode, again) == ["encoded", "encoded"]
    cubes.refresh_from_db()
    assert (cubes.fps, again.fps) == (12.5, 12.5)
    folder = DatasetFolder.open(cubes.path)
    assert folder.fps == 12.5
    assert list(folder.rows(0)["subtask"]) == [f"step {tick // 3}" for tick in range(8)]
    assert verify_dataset(cubes.path, deep=True).problems == []
    assert [[tick for tick, _ in shown] for shown in codes(cubes)] == [list(range(8)), list(range(6))]
    client.force_login(admin_user)
    assert "12.5 fps" in client.get(f"/datasets/{cubes.slug}/").content.decode()
    assert client.get(f"/api/episodes/{episode.pk}").json()["fps"] == 12.5


@contextmanager
def held_by_another(dataset: Dataset) -> Iterator[None]:
    there, done = threading.Event(), threading.Event()

    def hold() -> None:
        with dataset_lock(dataset.path):
            there.set()
            done.wait(120)

    thread = threading.Thread(target=hold)
    thread.start()
    there.wait(60)
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_it_makes_a_batch_part_of_the_dataset_frame_by_frame(cubes: Dataset, make_episode: MakeEpisode) -> None:
    first, second = make_episode(8, (FRONT, TOP)), make_episode(5, (FRONT, TOP))
    operation = work(start_encoding(dataset=cubes, actor=Actor("olga")))
    assert (operation.state, operation.error) == ("done", "")
    assert states(first, second) == ["encoded", "encoded"] and indices(first, second) == [0, 1]
    for camera in (FRONT, TOP):
        assert list(codes(cubes, camera)) == [[(t, 1) for t in range(8)], [(t, 2) for t in range(5)]]
    assert verify_dataset(cubes.path, deep=True).problems == []
    cubes.refresh_from_db()
    assert (cubes.total_episodes, cubes.total_frames, cubes.revision, cubes.fps) == (2, 13, 1, 30)


def test_it_deletes_raw_frames_and_staging_after_the_commit(
    cubes: Dataset, make_episode: MakeEpisode, settings: Any
) -> None:
    episode = make_episode()
    work(start_encoding(dataset=cubes, actor=Actor("olga")))
    assert not episode.take_path.exists() and list(settings.STAGING_DIR.iterdir()) == []
    assert list(settings.SPOOL_DIR.iterdir()) == []


def test_it_keeps_raw_takes_where_that_is_set(cubes: Dataset, make_episode: MakeEpisode, settings: Any) -> None:
    settings.KEEP_RAW = True
    episode = make_episode()
    work(start_encoding(dataset=cubes, actor=Actor("olga")))
    assert episode.take_path.is_dir() and list(settings.STAGING_DIR.iterdir()) == []


def test_it_keeps_raw_frames_while_the_folder_does_not_show_them(
    cubes: Dataset, make_episode: MakeEpisode, monkeypatch: pytest.MonkeyPatch
) -> None:
    episode = make_episode()
    monkeypatch.setattr(commit, "_is_complete", lambda info: False)
    work(start_encoding(dataset=cubes, actor=Actor("olga")))
    assert states(episode) == ["encoded"] and episode.take_path.is_dir()
    monkeypatch.undo()
    sweep.tidy_staging()
    assert not episode.take_path.exists()


def test_it_says_encoded_only_after_the_folder_has_it(
    cubes: Dataset, make_episode: MakeEpisode, monkeypatch: pytest.MonkeyPatch
) -> None:
    episodes = [make_episode(), make_episode()]
    operation = start_encoding(dataset=cubes, actor=Actor("olga"))
    encode_all(operation)

    def crash(*_: Any) -> None:
        assert len(DatasetFolder.open(cubes.path).episodes) == 2
        assert states(*episodes) == ["encoding", "encoding"]
        raise KeyboardInterrupt  # as a kill: nothing catches it

    monkeypatch.setattr(commit, "_write_rows", crash)
    with pytest.raises(KeyboardInterrupt):
        run.run_operation(operation.pk)
    assert states(*episodes) == ["encoding", "encoding"]
    monkeypatch.undo()
    assert not run.run_operation(operation.pk), "the lease of the dead worker still holds"
    Operation.objects.update(lease_until="2020-01-01T00:00:00Z")
    assert run.run_operation(operation.pk)
    assert states(*episodes) == ["encoded", "encoded"] and indices(*episodes) == [0, 1]
    assert len(DatasetFolder.open(cubes.path).episodes) == 2, "each once"


def test_it_rings_again_for_a_commit_whose_worker_died(
    cubes: Dataset, make_episode: MakeEpisode, bells: list[Any]
) -> None:
    make_episode()
    operation = start_encoding(dataset=cubes, actor=Actor("olga"))
    encode_all(operation)
    assert run.claim_operation(operation.pk) is not None
    Operation.objects.update(lease_until="2020-01-01T00:00:00Z")
    bells.clear()
    sweep.sweep()
    assert bells == [("run_operation", (str(operation.pk),))]
    sweep.sweep()
    assert len(bells) == 1, "not with every sweep"
    run.run_operation(operation.pk)
    operation.refresh_from_db()
    assert operation.state == "done"


def test_it_appends_batches_in_the_order_of_recording(cubes: Dataset, make_episode: MakeEpisode) -> None:
    first, second, third = make_episode(), make_episode(), make_episode()
    work(start_encoding(dataset=cubes, actor=Actor("olga"), episodes=[third, second]))
    work(start_encoding(dataset=cubes, actor=Actor("olga")))
    assert indices(first, second, third) == [2, 0, 1]
    assert [frames[0][1] for frames in codes(cubes)] == [2, 3, 1]
    assert verify_dataset(cubes.path).problems == []


def test_it_commits_each_batch_once_though_two_workers_try(cubes: Dataset, make_episode: MakeEpisode) -> None:
    make_episode()
    operation = start_encoding(dataset=cubes, actor=Actor("olga"))
    encode_all(operation)
    assert [run.run_operation(operation.pk), run.run_operation(operation.pk)] == [True, False]
    assert len(DatasetFolder.open(cubes.path).episodes) == 1


def test_it_leaves_quietly_where_it_fails_after_its_lease_went_to_another(
    cubes: Dataset, make_episode: MakeEpisode, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make_episode()
    operation = start_encoding(dataset=cubes, actor=Actor("olga"))
    encode_all(operation)
    caplog.set_level("INFO", "recorder.worker")
    others: list[Operation | None] = []

    def too_late(*_: Any, **__: Any) -> Any:
        Operation.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        others.append(run.claim_operation(operation.pk))
        raise FileNotFoundError("the other has cleared it away")

    monkeypatch.setattr(commit, "commit_episodes", too_late)
    assert run.run_operation(operation.pk)
    operation.refresh_from_db()
    (other,) = others
    assert other is not None and (operation.state, operation.token, operation.error) == ("running", other.token, "")
    assert "was given to another worker" in caplog.text and "Traceback" not in caplog.text


def test_it_waits_for_who_changes_the_dataset_now(
    cubes: Dataset, make_episode: MakeEpisode, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_episode()
    operation = start_encoding(dataset=cubes, actor=Actor("olga"))
    encode_all(operation)
    monkeypatch.setattr(commit, "LOCK_WAIT_S", 0.05)
    with held_by_another(cubes):
        for _ in range(5):  # however often
            run.run_operation(operation.pk)
        operation.refresh_from_db()
        assert operation.state == "running" and "is being changed by" in operation.error
    run.run_operation(operation.pk)
    operation.refresh_from_db()
    assert (operation.state, operation.error) == ("done", "")


def test_it_waits_for_space_and_goes_on_by_itself(
    cubes: Dataset, make_episode: MakeEpisode, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_episode()
    operation = start_encoding(dataset=cubes, actor=Actor("olga"))
    encode_all(operation)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(commit, "commit_episodes", full)
    for _ in range(5):
        run.run_operation(operation.pk)
    operation.refresh_from_db()
    assert operation.state == "running" and "No space for the dataset" in operation.error
    monkeypatch.undo()
    run.run_operation(operation.pk)
    operation.refresh_from_db()
    assert operation.state == "done"


def test_it_names_the_permissions_where_the_folder_cannot_be_written(
    cubes: Dataset, make_episode: MakeEpisode, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_episode()
    operation = start_encoding(dataset=cubes, actor=Actor("olga"))
    encode_all(operation)

    def read_only(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted", str(cubes.work_path))

    monkeypatch.setattr(commit, "commit_episodes", read_only)
    for _ in range(3):
        run.run_operation(operation.pk)
    operation.refresh_from_db()
    assert operation.state == "failed" and "Errno" not in operation.error
    assert f"Operation not permitted: {cubes.work_path}. Check the permissions" in operation.error


def test_a_trim_of_the_take_is_none_of_the_trimmed_episode(cubes: Dataset, make_episode: MakeEpisode) -> None:
    """Somebody has the take on screen while it is committed: frame 2 there is another one in the dataset."""
    whole, trimmed = make_episode(), make_episode()
    edit_episodes(episodes=[trimmed], trim_first=2, trim_end=8, actor=Actor("olga"))
    trimmed.refresh_from_db()
    seen = trimmed.updated_at
    work(start_encoding(dataset=cubes, actor=Actor("olga")))
    whole.refresh_from_db()
    trimmed.refresh_from_db()
    assert whole.frames_at is None and trimmed.ticks == 6
    with pytest.raises(Refused, match="different frames"):
        edit_episodes(episodes=[trimmed], trim_first=2, trim_end=4, actor=Actor("olga"), version=seen)


def test_it_gives_up_after_three_tries_and_goes_on_when_asked(
    cubes: Dataset, make_episode: MakeEpisode, monkeypatch: pytest.MonkeyPatch
) -> None:
    episode = make_episode()
    operation = start_encoding(dataset=cubes, actor=Actor("olga"))
    encode_all(operation)

    def fail(*_: Any, **__: Any) -> None:
        raise CommitError("the next state failed verification")

    monkeypatch.setattr(commit, "commit_episodes", fail)
    for _ in range(3):
        operation.refresh_from_db()
        assert operation.state == "running"
        run.run_operation(operation.pk)
    operation.refresh_from_db()
    assert operation.state == "failed" and "failed verification" in operation.error
    assert states(episode) == ["failed"] and "failed verification" in episode.error and episode.take_path.is_dir()
    monkeypatch.undo()
    assert work(retry_operation(operation=operation, actor=Actor("olga"))).state == "done"
    assert states(episode) == ["encoded"]


def test_a_batch_is_not_done_before_the_dataset_counts_its_episodes(
    cubes: Dataset, make_episode: MakeEpisode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody who reads `done` and then the dataset must see them; a worker that dies in between leaves neither."""
    episode = make_episode()
    operation = start_encoding(dataset=cubes, actor=Actor("olga"))
    encode_all(operation)

    class Died(BaseException):
        pass

    def die(*_: Any) -> None:
        raise Died

    monkeypatch.setattr(commit, "refresh_rows", die)
    with pytest.raises(Died):
        run.run_operation(operation.pk)
    operation.refresh_from_db()
    cubes.refresh_from_db()
    assert (operation.state, cubes.total_episodes, states(episode)) == ("running", 0, ["encoding"])
    monkeypatch.undo()
    Operation.objects.filter(pk=operation.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    sweep.sweep()
    run.run_operation(operation.pk)
    operation.refresh_from_db()
    cubes.refresh_from_db()
    assert (operation.state, cubes.total_episodes, states(episode)) == ("done", 1, ["encoded"])


def test_it_leaves_out_an_episode_whose_encoded_video_is_gone(
    cubes: Dataset, make_episode: MakeEpisode, settings: Any
) -> None:
    good, bad = make_episode(), make_episode()
    operation = start_encoding(dataset=cubes, actor=Actor("olga"))
    encode_all(operation)
    for path in (settings.STAGING_DIR / str(bad.pk)).iterdir():
        path.unlink()
    run.run_operation(operation.pk)
    operation.refresh_from_db()
    assert operation.state == "done" and "1 of 2 episodes failed" in operation.error
    assert states(good, bad) == ["encoded", "failed"]
    again = work(retry_operation(operation=operation, actor=Actor("olga")))
    assert again.pk != operation.pk and again.state == "done" and states(bad) == ["encoded"]


def test_it_keeps_what_people_said_in_the_datasets_sidecar(cubes: Dataset, make_episode: MakeEpisode) -> None:
    episode = make_episode()
    Episode.objects.filter(pk=episode.pk).update(labels=["slow"], rating=4, note="good light")
    work(start_encoding(dataset=cubes, actor=Actor("olga")))
    said = DatasetFolder.open(cubes.path).episodes[0]
    assert said.uuid == str(episode.pk)
    assert (said.extra["labels"], said.extra["rating"], said.extra["note"]) == (["slow"], 4, "good light")


def test_what_waits_for_the_disk_does_not_hold_up_the_encoding(
    transactional_db: None, cubes: Dataset, make_episode: MakeEpisode
) -> None:
    make_episode()
    operation = start_encoding(dataset=cubes, actor=Actor("olga"))
    encode_all(operation)
    later = timezone.now() + timedelta(seconds=30)
    Operation.objects.filter(pk=operation.pk).update(lease_until=later, error="No space for the dataset")
    assert run.run_waiting() == 0
    Operation.objects.filter(pk=operation.pk).update(error="")  # only its bell is on the way
    assert run.run_waiting() == 1 and run.run_waiting() == 0
    operation.refresh_from_db()
    assert operation.state == "done"
