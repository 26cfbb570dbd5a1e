"""A repair says what it would do, does it as an operation, and one press takes it back; a dataset goes out as v2.1."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from recorder.actor import Actor
from recorder.catalog.background import Background
from recorder.catalog.older_copies import older_copy, start_older_copy
from recorder.catalog.repairs import repair_report, start_repair
from recorder.catalog.transfer_undo import can_undo, undo_transfer
from recorder.errors import Refused
from recorder.jobs.encoding import start_encoding
from recorder.jobs.operations import cancel_operation
from recorder.models import Dataset, Episode, Operation
from recorder.worker import run
from robotdata.dataset.layout import INFO
from tests.recorder.conftest import frames, work

pytestmark = pytest.mark.django_db(transaction=True)
OLGA = Actor("olga")


def done(operation: Operation) -> Operation:
    run.run_operation(operation.pk)
    operation.refresh_from_db()
    return operation


def miscount(cubes: Dataset, frames: int = 7) -> None:
    """Let info.json say another number of frames than there are."""
    path = cubes.path / INFO
    info = json.loads(path.read_text())
    path.unlink()
    path.write_text(json.dumps(info | {"total_frames": frames}))


def reported(cubes: Dataset) -> Any:
    """The report, once it is there."""
    while (computed := repair_report(dataset=cubes)).running:
        threading.Event().wait(0.01)
    return computed


def test_a_report_says_what_is_wrong_before_anything_is_done(four: list[Episode], cubes: Dataset) -> None:
    miscount(cubes)
    before = (cubes.path / INFO).read_text()
    report = reported(cubes).value
    assert [finding.code for finding in report.findings] == ["info"] and "total_frames 7 -> 26" in str(report.findings)
    assert (report.episodes, report.frames, report.left) == (4, 26, [])
    assert (cubes.path / INFO).read_text() == before and not cubes.revisions_path.exists()


def test_a_repair_is_one_revision_and_is_undone_by_one_press(four: list[Episode], cubes: Dataset) -> None:
    whole = frames(cubes)
    miscount(cubes)
    operation = done(start_repair(dataset=cubes, actor=OLGA))
    assert (operation.state, operation.result) == ("done", {"findings": 1, "left": 0, "revision": 2})
    assert operation.steps_done == operation.steps_total - 1 > 0
    assert frames(cubes) == whole and json.loads((cubes.path / INFO).read_text())["total_frames"] == 26
    assert can_undo(Operation.objects.get(pk=operation.pk))
    assert done(undo_transfer(operation=operation, actor=OLGA)).state == "done"
    assert json.loads((cubes.path / INFO).read_text())["total_frames"] == 7
    with pytest.raises(Refused, check=lambda refused: refused.code == "nothing_to_undo"):
        undo_transfer(operation=Operation.objects.get(pk=operation.pk), actor=OLGA)


def test_a_whole_dataset_gets_no_revision(four: list[Episode], cubes: Dataset) -> None:
    operation = done(start_repair(dataset=cubes, actor=OLGA))
    assert (operation.state, operation.result["revision"]) == ("done", None)
    assert not can_undo(operation) and not cubes.revisions_path.exists()


def test_a_cancelled_repair_changes_nothing(four: list[Episode], cubes: Dataset) -> None:
    miscount(cubes)
    operation = start_repair(dataset=cubes, actor=OLGA)
    with pytest.raises(Refused, check=lambda refused: refused.code == "running"):
        start_repair(dataset=cubes, actor=OLGA)
    cancel_operation(operation=operation, actor=OLGA)
    assert not run.run_operation(operation.pk)
    assert json.loads((cubes.path / INFO).read_text())["total_frames"] == 7


def test_a_dataset_without_episodes_says_so(cubes: Dataset) -> None:
    for start in (start_repair, start_older_copy):
        with pytest.raises(Refused, check=lambda refused: refused.code == "empty"):
            start(dataset=cubes, actor=OLGA)


def test_the_api_reports_repairs_and_writes_v21(
    four: list[Episode], cubes: Dataset, client: Client, admin_user: Any
) -> None:
    client.force_login(admin_user)
    miscount(cubes)
    while (answer := client.get("/api/datasets/cubes/repair").json())["running"]:
        threading.Event().wait(0.01)
    assert [(one["code"], one["episodes"]) for one in answer["findings"]] == [("info", 0)]
    begun = client.post("/api/datasets/cubes/repair", content_type="application/json")
    assert begun.status_code == 202 and begun.json()["type"] == "repair"
    done(Operation.objects.get(pk=begun.json()["id"]))
    older = client.post("/api/datasets/cubes/older", content_type="application/json").json()
    url = f"/api/operations/{older['id']}/archive.zip"
    assert client.get(url).status_code == 404, "it is not written yet"
    operation = done(Operation.objects.get(pk=older["id"]))
    folder = older_copy(operation)
    assert folder is not None and json.loads((folder / INFO).read_text())["codebase_version"] == "v2.1"
    with zipfile.ZipFile(io.BytesIO(b"".join(sync(client.get(url))))) as archive:
        assert json.loads(archive.read(f"{folder.name}/{INFO}"))["total_episodes"] == 4
    shown = client.get("/datasets/cubes/").content.decode()
    assert url in shown and str(folder) in shown


def sync(response: Any) -> list[bytes]:
    """The pieces of a streamed answer."""
    from asgiref.sync import async_to_sync

    async def collect() -> list[bytes]:
        return [piece async for piece in response.streaming_content]

    return async_to_sync(collect)() if response.is_async else list(response.streaming_content)


def test_two_copies_as_v21_have_folders_of_their_own(four: list[Episode], cubes: Dataset) -> None:
    first = older_copy(done(start_older_copy(dataset=cubes, actor=OLGA)))
    again = start_older_copy(dataset=cubes, actor=OLGA)
    second = older_copy(done(again))
    assert first is not None and second is not None and first != second
    Operation.objects.filter(pk=again.pk).update(state="running", token="", result={})
    assert older_copy(done(Operation.objects.get(pk=again.pk))) == second, "a second run finds the first one's folder"


def test_a_slow_value_holds_no_request() -> None:
    asked, go = Background[int]("slow"), threading.Event()

    def compute() -> int:
        go.wait(60)
        return 7

    assert asked.ask("a", 1, compute).running and asked.ask("a", 1, compute).value is None
    go.set()
    while (now := asked.ask("a", 1, compute)).running:
        threading.Event().wait(0.01)
    assert now.value == 7 and now.at is not None
    go.clear()
    again = asked.ask("a", 1, compute, again=True)
    assert (again.value, again.running) == (7, True), "the older value stays meanwhile"
    assert asked.ask("b", 1, lambda: 1 // 0).running
    go.set()
    while (failed := asked.ask("b", 1, lambda: 1 // 0)).running:
        threading.Event().wait(0.01)
    assert "division" in failed.error and failed.value is None


def test_the_undo_of_a_repair_keeps_what_was_encoded_after_its_request(
    four: list[Episode], cubes: Dataset, make_episode: Callable[..., Episode]
) -> None:
    miscount(cubes)
    operation = done(start_repair(dataset=cubes, actor=OLGA))
    take = make_episode(5)
    encoding = start_encoding(dataset=cubes, actor=OLGA, episodes=[take])
    undo = undo_transfer(operation=Operation.objects.get(pk=operation.pk), actor=OLGA)
    assert work(encoding).state == "done"
    undo = done(undo)
    assert undo.state == "failed" and "was changed since" in undo.error
    assert len(frames(cubes)) == 5
