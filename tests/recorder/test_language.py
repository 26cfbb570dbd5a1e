"""Subtasks and remarks over the API: of takes at once and undone, of episodes as a revision and undone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow.parquet as pq
import pytest
from django.test import Client

from recorder.models import Dataset, Episode, Operation
from recorder.worker import run
from robotdata.dataset import DatasetFolder
from robotdata.spool import read_manifest
from robotdata.spool.language import Language

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def episode(make_episode: Callable[..., Episode]) -> Episode:
    return make_episode(ticks=12, verdict="unreviewed")


def put(client: Client, episode: Episode, status: int, **body: Any) -> Any:
    body = {"version": said(client, episode)["version"], **body}
    answer = client.put(f"/api/episodes/{episode.pk}/language", body, content_type="application/json")
    assert answer.status_code == status, answer.content
    return answer.json()


def said(client: Client, episode: Episode) -> Any:
    return client.get(f"/api/episodes/{episode.pk}/language").json()


def test_of_a_take_it_is_kept_in_row_and_folder_and_undone(olga: Client, episode: Episode) -> None:
    spans = [{"first": 2, "end": 9, "text": "reach  up"}]
    put(olga, episode, 200, subtasks=spans, remarks=[{"frame": 4, "text": "slower"}])
    kept = {"subtasks": [{"first": 2, "end": 9, "text": "reach up"}]}
    kept["remarks"] = [{"frame": 4, "text": "slower", "role": "user"}]  # type: ignore[list-item]
    assert read_manifest(episode.take_path)["curation"]["language"] == kept
    answer = said(olga, episode)
    assert {name: answer[name] for name in kept} == kept and answer["suggested"] == ["reach up"]
    history = olga.get(f"/api/episodes/{episode.pk}/history").json()
    assert history[0]["after"] == {"language": kept}
    olga.post("/api/undo", {}, content_type="application/json")
    assert said(olga, episode)["subtasks"] == []
    assert read_manifest(episode.take_path)["curation"]["language"] is None


def test_nothing_is_replaced_unseen(olga: Client, four: list[Episode], episode: Episode, cubes: Dataset) -> None:
    for each in (episode, cubes.episodes.committed()[0]):
        begun = Operation.objects.count()
        assert put(olga, each, 428, version=None, subtasks=[])["error"]["code"] == "no_version"
        assert Operation.objects.count() == begun and said(olga, each)["subtasks"] == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"subtasks": [{"first": 0, "end": 10**6, "text": "far"}]}, "outside of the episode"),
        ({"subtasks": [{"first": 0, "end": 5, "text": "a"}, {"first": 4, "end": 6, "text": "b"}]}, "overlap"),
        ({"subtasks": [{"first": 0, "end": 5, "text": "a\x00b"}]}, "control characters"),
        ({"subtasks": [{"first": -1, "end": 5, "text": "a"}]}, "first"),
        ({"subtasks": [{"first": 0, "end": 5, "text": "x" * 1_000_000}]}, "text"),
        ({"subtasks": [{"first": n, "end": n + 1, "text": "a"} for n in range(10_000)]}, "subtasks"),
        ({"remarks": [{"frame": 1, "text": "a", "role": "system"}]}, "role"),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(
    olga: Client, episode: Episode, body: dict[str, Any], words: str
) -> None:
    error = put(olga, episode, 422, **body)["error"]
    assert words in str(error)
    assert Episode.objects.get(pk=episode.pk).language is None


def test_of_an_episode_it_is_one_revision_and_one_press_takes_it_back(
    olga: Client, four: list[Episode], cubes: Dataset
) -> None:
    row = cubes.episodes.committed().order_by("episode_index")[1]
    revision = DatasetFolder.open(cubes.path).revision
    begun = put(olga, row, 202, subtasks=[{"first": 0, "end": 3, "text": "reach"}])
    run.run_operation(begun["operation"])
    operation = olga.get(f"/api/operations/{begun['operation']}").json()
    assert (operation["state"], operation["summary"]) == ("done", "set subtasks")
    opened = DatasetFolder.open(cubes.path)
    assert opened.revision == revision + 1
    expected = Language.parse({"subtasks": [{"first": 0, "end": 3, "text": "reach"}]}, row.ticks)
    assert [opened.language(n).language for n in range(3)] == [Language(), expected, Language()]
    assert said(olga, row)["subtasks"][0]["text"] == "reach" and said(olga, four[0])["suggested"] == ["reach"]
    undone = olga.post(f"/api/operations/{begun['operation']}/undo", {}, content_type="application/json")
    assert undone.status_code == 202, undone.content
    run.run_operation(undone.json()["id"])
    assert said(olga, row)["subtasks"] == []


def test_a_save_that_is_tried_again_finds_its_episode_though_the_numbers_have_changed(
    olga: Client, four: list[Episode], cubes: Dataset
) -> None:
    row, gone = four[2], four[0]
    begun = put(olga, row, 202, subtasks=[{"first": 0, "end": 3, "text": "reach"}])
    Operation.objects.filter(pk=begun["operation"]).update(state="failed")
    without(olga, cubes, gone)
    again(olga, begun["operation"], "done")
    assert [said(olga, each)["subtasks"] != [] for each in four[1:]] == [False, True, False]


def test_a_save_whose_episode_is_gone_fails_and_writes_nothing(
    olga: Client, four: list[Episode], cubes: Dataset
) -> None:
    begun = put(olga, four[0], 202, subtasks=[{"first": 0, "end": 3, "text": "reach"}])
    Operation.objects.filter(pk=begun["operation"]).update(state="failed")
    without(olga, cubes, four[0])
    revision = DatasetFolder.open(cubes.path).revision
    assert "was removed or cut" in again(olga, begun["operation"], "failed")["error"]
    assert DatasetFolder.open(cubes.path).revision == revision


def test_a_save_does_not_replace_what_somebody_else_has_set_since(olga: Client, four: list[Episode]) -> None:
    seen = said(olga, four[1])["version"]
    begun = put(olga, four[1], 202, version=seen, subtasks=[{"first": 0, "end": 3, "text": "first"}])
    run.run_operation(begun["operation"])
    error = put(olga, four[1], 409, version=seen, subtasks=[{"first": 0, "end": 3, "text": "second"}])["error"]
    assert "after you looked" in error["message"]
    late = put(olga, four[1], 202, version=said(olga, four[1])["version"], remarks=[{"frame": 1, "text": "late"}])
    Operation.objects.filter(pk=late["operation"]).update(state="failed")
    run.run_operation(put(olga, four[1], 202, subtasks=[{"first": 0, "end": 3, "text": "third"}])["operation"])
    assert "has others by now" in again(olga, late["operation"], "failed")["error"]
    assert [each["text"] for each in said(olga, four[1])["subtasks"]] == ["third"]


def without(client: Client, dataset: Dataset, episode: Episode) -> None:
    """Delete an episode, as people do: reject it, and apply the changes."""
    client.patch(f"/api/episodes/{episode.pk}", {"verdict": "reject"}, content_type="application/json")
    begun = client.post(f"/api/datasets/{dataset.slug}/apply", {}, content_type="application/json").json()
    run.run_operation(begun["id"])
    assert not dataset.episodes.committed().filter(pk=episode.pk).exists()


def again(client: Client, operation: str, state: str) -> Any:
    """Try an operation again, and return it once it has ended in this state."""
    answer = client.post(f"/api/operations/{operation}/retry", {}, content_type="application/json")
    assert answer.status_code < 300, answer.content
    run.run_operation(operation)
    ended = client.get(f"/api/operations/{operation}").json()
    assert ended["state"] == state, ended
    return ended


def test_an_episode_that_cannot_be_read_takes_no_suggestions_from_the_others(
    olga: Client, four: list[Episode], cubes: Dataset, episode: Episode
) -> None:
    run.run_operation(put(olga, four[0], 202, subtasks=[{"first": 0, "end": 3, "text": "reach"}])["operation"])
    run.run_operation(put(olga, four[1], 202, subtasks=[{"first": 0, "end": 3, "text": "MARKER"}])["operation"])
    for path in cubes.path.glob("data/*/*.parquet"):
        table = pq.read_table(path)
        pq.write_table(table, path, compression="none", write_page_checksum=False)
        path.write_bytes(path.read_bytes().replace(b"MARKER", b"MAR\xff\xfeR"))
    assert said(olga, episode)["suggested"] == ["reach"]
    answer = olga.get(f"/api/episodes/{four[1].pk}/language")
    assert answer.status_code < 500 and "not readable" in answer.content.decode()
