"""A batch that is encoded and waits to be written is cancelled, or refuses because it is being written."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from recorder.actor import Actor
from recorder.errors import Refused
from recorder.jobs.encoding import start_encoding
from recorder.jobs.operations import cancel_operation
from recorder.models import Dataset, Episode, Job, Operation
from recorder.worker import commit, encode, run
from recorder.worker.sweep import sweep
from tests.recorder.conftest import frames, work

MakeEpisode = Callable[..., Episode]
pytestmark = pytest.mark.django_db(transaction=True)

HOLDS = """
import sys
from pathlib import Path
from robotdata.dataset.lock import dataset_lock
with dataset_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


class Died(BaseException):
    """A worker, at this line."""


@pytest.fixture
def waiting(transactional_db: None, cubes: Dataset, make_episode: MakeEpisode) -> Operation:
    """Two takes, encoded; nobody has begun to write them."""
    make_episode(8)
    make_episode(6)
    operation = start_encoding(dataset=cubes, actor=Actor("sven"))
    for pk in Job.objects.values_list("pk", flat=True):
        encode.run_job(pk)
    operation.refresh_from_db()
    assert operation.state == "running" and operation.token == ""
    return operation


def die(*_: Any, **__: Any) -> None:
    raise Died


def killed_in(operation: Operation, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """The worker is dead, its lease has run out, the sweep has been there."""
    monkeypatch.setattr(commit, where, die)
    with pytest.raises(Died):
        run.run_operation(operation.pk)
    monkeypatch.undo()
    Operation.objects.filter(pk=operation.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    sweep()


def test_its_takes_are_takes_again_and_are_encoded_at_no_cost(
    waiting: Operation, cubes: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cancel_operation(operation=waiting, actor=Actor("olga")).state == "cancelled"
    assert Operation.objects.get().error == "Cancelled by olga."
    assert not run.run_operation(waiting.pk), "a bell that comes late does nothing"
    sweep()
    assert {(e.state, e.verdict, e.take_path.is_dir()) for e in Episode.objects.all()} == {("recorded", "keep", True)}
    assert not cubes.path.exists()
    monkeypatch.setattr(encode, "encode_camera", die)  # finished encodes will be reused
    assert work(start_encoding(dataset=cubes, actor=Actor("olga"))).state == "done"
    assert frames(cubes) == [(1, list(range(8))), (2, list(range(6)))]


def test_it_is_refused_once_a_worker_writes_it(waiting: Operation) -> None:
    assert run.claim_operation(waiting.pk) is not None
    with pytest.raises(Refused, check=lambda refused: refused.code == "running"):
        cancel_operation(operation=waiting, actor=Actor("olga"))
    assert set(Episode.objects.values_list("state", flat=True)) == {"encoding"}


def test_what_a_dead_worker_had_written_is_said_and_not_cancelled(
    waiting: Operation, cubes: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_in(waiting, monkeypatch, "_write_rows")
    with pytest.raises(Refused, match="is in the dataset already"):
        cancel_operation(operation=waiting, actor=Actor("olga"))
    assert work(waiting).state == "done" and len(frames(cubes)) == 2


def test_what_a_dead_worker_had_not_written_is_cancelled(
    waiting: Operation, cubes: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_in(waiting, monkeypatch, "commit_episodes")
    assert cancel_operation(operation=waiting, actor=Actor("olga")).state == "cancelled"
    assert set(Episode.objects.values_list("state", flat=True)) == {"recorded"} and not cubes.path.exists()


def test_it_is_refused_while_somebody_who_tried_it_holds_the_folder(waiting: Operation, cubes: Dataset) -> None:
    Operation.objects.update(attempt=1)
    with subprocess.Popen([sys.executable, "-c", HOLDS, str(cubes.path)], stdin=-1, stdout=-1, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        with pytest.raises(Refused, check=lambda refused: refused.code == "busy"):
            cancel_operation(operation=waiting, actor=Actor("olga"))
        other.communicate("")
    assert Operation.objects.get().state == "running"


def test_who_stood_still_while_it_was_cancelled_writes_nothing(
    waiting: Operation, cubes: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lease ran out, the sweep gave it back, somebody cancelled it; then it goes on as if nothing had been."""
    real = commit.commit_episodes

    def after_a_long_sleep(*args: Any, **more: Any) -> Any:
        Operation.objects.update(token="", lease_until=None)
        assert cancel_operation(operation=Operation.objects.get(), actor=Actor("olga")).state == "cancelled"
        return real(*args, **more)

    monkeypatch.setattr(commit, "commit_episodes", after_a_long_sleep)
    assert run.run_operation(waiting.pk)
    assert not (cubes.path / "meta").exists() and Operation.objects.get().state == "cancelled"
    assert set(Episode.objects.values_list("state", flat=True)) == {"recorded"}


def test_of_a_person_and_a_worker_at_the_same_moment_one_wins(waiting: Operation, cubes: Dataset) -> None:
    barrier, said = threading.Barrier(2), []

    def press() -> None:
        barrier.wait()
        try:
            said.append(cancel_operation(operation=waiting, actor=Actor("olga")).state)
        except Refused as error:
            said.append(error.code)
        connection.close()

    person = threading.Thread(target=press)
    person.start()
    barrier.wait()
    done = run.run_operation(waiting.pk)
    person.join()
    state = Operation.objects.get().state
    if state == "done":
        assert done and said[0] in {"running", "moved", "ended", "busy"} and len(frames(cubes)) == 2
    else:
        assert (state, said) == ("cancelled", ["cancelled"]) and not (cubes.path / "meta").exists()


def test_the_page_offers_it_until_it_is_written(client: Client, waiting: Operation, django_user_model: Any) -> None:
    client.force_login(django_user_model.objects.create_user("olga"))
    cancel = f"/api/operations/{waiting.pk}/cancel"
    for url in ("/operations/", f"/operations/{waiting.pk}/", "/datasets/cubes/operations/"):
        page = client.get(url).content.decode()
        assert f"POST {cancel}" in page and "waiting for a worker" in page
        assert "finished encodes will be reused" in page
    assert run.claim_operation(waiting.pk) is not None
    page = client.get(f"/operations/{waiting.pk}/").content.decode()
    assert cancel not in page and "being written" in page
    refused = client.post(cancel, content_type="application/json")
    assert refused.status_code == 409 and refused.json()["error"]["code"] == "running"
    Operation.objects.update(token="", lease_until=None)
    assert client.post(cancel, content_type="application/json").json()["state"] == "cancelled"
