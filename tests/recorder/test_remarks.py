"""What is not quite in order in a dataset's folder stands on its page, before and after it is changed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.contrib.auth.models import User
from django.test import Client

from recorder.actor import WORKER, Actor
from recorder.catalog.datasets_on_disk import adopt_folder
from recorder.jobs.encoding import start_encoding
from recorder.jobs.revising import apply_changes
from recorder.jobs.revisions import revisions_of
from recorder.models import Dataset, Episode, Rig
from recorder.review.verdicts import edit_episodes, set_verdict
from recorder.task_text import checked_task
from recorder.worker import run
from robotdata.dataset.reader import DatasetFolder
from tests.recorder.conftest import work

pytestmark = pytest.mark.django_db(transaction=True)
MakeEpisode = Callable[..., Episode]
EPISODES = "meta/episodes/chunk-000/file-000.parquet"


@pytest.fixture
def olga(db: None) -> Client:
    client = Client(HTTP_HOST="localhost")
    client.force_login(User.objects.create_user("olga"))
    return client


def remarks(client: Client, dataset: Dataset) -> str:
    page = client.get(f"/datasets/{dataset.slug}/").content.decode()
    assert f"/datasets/{dataset.slug}/remarks/" in page, "the page asks for them"
    return client.get(f"/datasets/{dataset.slug}/remarks/").content.decode()


def rewrite(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    table = pq.read_table(path)
    path.unlink()
    pq.write_table(change(table), path)


def replace(table: pa.Table, name: str, values: list[Any]) -> pa.Table:
    at = table.column_names.index(name)
    return table.set_column(at, table.schema.field(at), pa.array(values, table.schema.field(at).type))


@pytest.fixture
def foreign(four: list[Episode], home: Path) -> Dataset:
    """Another program's dataset of four episodes, 8, 6, 7 and 5 frames, put among the others; it has no sidecar."""
    folder = home / "datasets/foreign"
    shutil.copytree(four[0].dataset.path, folder)
    (folder / "meta/robotdata.json").unlink()
    return adopt_folder(slug="foreign", actor=WORKER)


def test_a_dataset_in_order_has_none(olga: Client, foreign: Dataset) -> None:
    assert "things to know" not in remarks(olga, foreign) and "thing to know" not in remarks(olga, foreign)


def test_the_state_before_our_first_change_has_its_true_size(olga: Client, foreign: Dataset) -> None:
    set_verdict(episodes=[foreign.episodes.get(episode_index=1)], verdict="reject", actor=Actor("olga"))
    run.run_operation(apply_changes(dataset=foreign, actor=Actor("olga")).pk)
    found = [(one.number, one.episodes, one.frames) for one in revisions_of(foreign)]
    assert found == [(1, 3, 20), (0, 4, 26)]
    assert "4 episodes · 26 frames" in olga.get("/datasets/foreign/revisions/").content.decode()
    answer = olga.get("/api/datasets/foreign/revisions").json()
    assert [(one["episodes"], one["frames"], one["notes"]) for one in answer] == [(3, 20, []), (4, 26, [])]


def test_tasks_that_differ_are_said_before_anything_is_written(olga: Client, foreign: Dataset) -> None:
    rewrite(foreign.path / EPISODES, lambda table: replace(table, "tasks", [["yellow"]] * 4))
    said = remarks(olga, foreign)
    assert "1 thing to know" in said and "4 episode(s)" in said and "yellow" in said and "push" in said
    refreshed = adopt_folder(slug="foreign", actor=WORKER)
    assert set(refreshed.episodes.values_list("task", "committed_task")) == {("push", "push")}, "as it is trained on"
    edit_episodes(episodes=[refreshed.episodes.get(episode_index=3)], actor=Actor("olga"), task="open the drawer")
    edit_episodes(episodes=[refreshed.episodes.get(episode_index=0)], actor=Actor("olga"), task="yellow")
    operation = apply_changes(dataset=refreshed, actor=Actor("olga"))
    run.run_operation(operation.pk)
    operation.refresh_from_db()
    assert (operation.state, operation.error) == ("done", "")
    opened = DatasetFolder.open(foreign.path)
    texts = [{opened.tasks[n] for n in opened.rows(e.index)["task_index"]} for e in opened.episodes]
    assert texts == [{"yellow"}, {"push"}, {"push"}, {"open the drawer"}]
    assert [episode.tasks for episode in opened.episodes] == [["yellow"]] * 3 + [["open the drawer"]]
    assert "2 episode(s)" in remarks(olga, foreign), "the others are as they were"


def test_missing_files_are_said_with_their_number(olga: Client, foreign: Dataset) -> None:
    aside = foreign.path / "videos"
    kept = foreign.path.parent / ".aside"
    aside.rename(kept)
    assert "of its videos is here" in remarks(olga, foreign), "all of them: downloaded without"
    kept.rename(aside)
    next(aside.rglob("*.mp4")).unlink()
    assert "4 of 4 episodes" in remarks(olga, foreign)


def test_a_clocks_timestamps_are_said(olga: Client, foreign: Dataset) -> None:
    def late(table: pa.Table) -> pa.Table:
        return replace(table, "timestamp", [t + 0.02 for t in table.column("timestamp").to_pylist()])

    rewrite(next(foreign.path.glob("data/*/*.parquet")), late)
    assert "4 of 4 episodes" in remarks(olga, foreign)


def test_notes_of_the_last_change_are_said(olga: Client, foreign: Dataset) -> None:
    info = foreign.path / "meta/info.json"
    info.write_text(json.dumps(json.loads(info.read_text()) | {"splits": {"train": "0:3", "val": "3:4"}}))
    (foreign.path / "meta/episodes.jsonl").write_text("{}\n")
    set_verdict(episodes=[foreign.episodes.get(episode_index=3)], verdict="reject", actor=Actor("olga"))
    run.run_operation(apply_changes(dataset=foreign, actor=Actor("olga")).pk)
    said = remarks(olga, foreign)
    assert "2 things to know" in said and "plit val" in said and "meta/episodes.jsonl" in said


class TestTasks:
    @pytest.mark.parametrize("text", ["pick cup", "pick cup ", "pick  cup", " pick\ncup"])
    def test_one_task_has_one_text_at_every_door(
        self, olga: Client, cubes: Dataset, make_episode: MakeEpisode, text: str
    ) -> None:
        first, second = make_episode(4, task="pick cup"), make_episode(4, task=text)
        work(start_encoding(dataset=cubes, actor=Actor("olga")))
        assert DatasetFolder.open(cubes.path).tasks == ["pick cup"]
        second.refresh_from_db()
        assert (second.task, second.committed_task) == ("pick cup", "pick cup") and not second.planned
        third = make_episode(4, task="other")
        answer = olga.patch(f"/api/episodes/{third.pk}", {"task": text}, content_type="application/json")
        third.refresh_from_db()
        assert answer.status_code == 200 and third.task == "pick cup"
        body = {"task": "pick cup", "to": f"{text} too"}
        olga.post("/api/datasets/cubes/tasks/rename", body, content_type="application/json")
        assert set(cubes.episodes.values_list("task", flat=True)) == {"pick cup too"}
        assert checked_task(text) == "pick cup" and first.pk

    @pytest.mark.parametrize("text", [" ", "\n\t "])
    def test_a_task_of_spaces_is_refused_when_recording_begins(self, olga: Client, cubes: Dataset, text: str) -> None:
        Rig.objects.create(name="sim")
        body = {"rig": "sim", "dataset": "cubes", "task": text}
        answer = olga.post("/api/sessions", body, content_type="application/json")
        assert answer.status_code == 422 and answer.json()["error"]["code"] == "invalid"
        answer = olga.post("/api/rigs/sim/record", {"dataset": "cubes", "task": text}, content_type="application/json")
        assert answer.status_code == 422
