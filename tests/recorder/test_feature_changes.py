"""Changes of features as operations: one revision, its line on the pages, the way back, and the API."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.test import Client

from recorder.catalog.feature_changes import start_change
from recorder.catalog.transfer_undo import can_undo, undo_transfer
from recorder.errors import Refused
from recorder.models import Dataset, Episode, Operation
from recorder.review.verdicts import edit_episodes
from recorder.worker import change as change_module
from recorder.worker import run
from robotdata.dataset import DatasetFolder, verify_dataset
from robotdata.dataset.write.feature_change import SUCCESS, Added, FeatureChange, FromLabels
from tests.recorder.conftest import frames
from tests.support.transfers import OLGA, done, ids

pytestmark = pytest.mark.django_db(transaction=True)
SUCCEEDED = FeatureChange(add=[Added("next.success", FromLabels(SUCCESS.values, "last", default=False))])


def opened(row: Dataset) -> DatasetFolder:
    return DatasetFolder.open(row.path)


def test_labels_are_written_and_taken_back(four: list[Episode], cubes: Dataset) -> None:
    before, whole, old = ids(cubes), frames(cubes), opened(cubes)
    edit_episodes(episodes=[four[1], four[2]], actor=OLGA, labels=["success"])
    operation = done(start_change(dataset=cubes, change=SUCCEEDED, actor=OLGA))
    cubes.refresh_from_db()
    now = opened(cubes)
    ends = [bool(now.rows(n)["next.success"][-1]) for n in range(4)]
    chosen = [pk in (four[1].pk, four[2].pk) for pk in before]
    assert ends == chosen and "next.success" in cubes.features
    assert ids(cubes) == before and frames(cubes) == whole and now.revision == old.revision + 1 == cubes.revision
    assert can_undo(operation)
    edit_episodes(episodes=[four[3]], actor=OLGA, note="said afterwards")
    done(undo_transfer(operation=operation, actor=OLGA))
    cubes.refresh_from_db()
    operation.refresh_from_db()
    assert "next.success" not in cubes.features and opened(cubes).features == old.features
    assert ids(cubes) == before and frames(cubes) == whole and not can_undo(operation)
    assert Episode.objects.get(pk=four[3].pk).note == "said afterwards"


def test_a_later_change_is_not_undone_with_it(four: list[Episode], cubes: Dataset) -> None:
    first = done(start_change(dataset=cubes, change=SUCCEEDED, actor=OLGA))
    last = done(start_change(dataset=cubes, change=FeatureChange(robot_type="crane"), actor=OLGA))
    first.refresh_from_db()
    assert can_undo(last) and not can_undo(Operation.objects.get(pk=first.pk))
    with pytest.raises(Refused, check=lambda refused: refused.code == "changed"):
        undo_transfer(operation=first, actor=OLGA)


def test_a_worker_that_dies_after_it_is_written_makes_no_second_revision(
    four: list[Episode], cubes: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = change_module.change_features

    def crashing(*args: Any, **kwargs: Any) -> None:
        real(*args, **kwargs)
        raise RuntimeError("the worker is gone")

    monkeypatch.setattr(change_module, "change_features", crashing)
    operation = start_change(dataset=cubes, change=SUCCEEDED, actor=OLGA)
    run.run_operation(operation.pk)
    monkeypatch.undo()
    revision = opened(cubes).revision
    Operation.objects.filter(pk=operation.pk).update(lease_until=None, token="")
    done(operation)
    assert opened(cubes).revision == revision and can_undo(Operation.objects.get(pk=operation.pk))


def post(client: Client, url: str, status: int, **body: Any) -> Any:
    answer = client.post(url, body, content_type="application/json")
    assert answer.status_code == status, answer.content
    return answer.json()


def test_the_whole_way_over_the_api(olga: Client, four: list[Episode], cubes: Dataset) -> None:
    url, key = "/api/datasets/cubes/features", next(iter(opened(cubes).video_keys))
    body: dict[str, Any] = {
        "remove": [key],
        "add": [{"name": "next.success", "labels": {"success": True, "failure": False}, "at": "last"}],
    }
    assert post(olga, f"{url}/preview", 200, **body)["problem"] == post(olga, url, 422, **body)["error"]["message"]
    problem = post(olga, f"{url}/preview", 200, **body)["problem"]
    assert "4 episodes (0, 1, 2, 3) have none of the labels success, failure" in problem
    body["add"][0]["default"] = False
    preview = post(olga, f"{url}/preview", 200, **body)
    assert [(each["name"], each["files"] > 0) for each in preview["removed"]] == [(key, True)]
    assert preview["added"][0] == {
        "name": "next.success",
        "dtype": "bool",
        "shape": [1],
        "episodes": {"true": 0, "false": 4},
        "without": 4,
    }
    begun = post(olga, url, 202, **body)
    assert begun["summary"] == f"remove {key}, add next.success"
    run.run_operation(begun["id"])
    assert olga.get(f"/api/operations/{begun['id']}").json()["state"] == "done"
    cubes.refresh_from_db()
    assert key not in cubes.features and verify_dataset(cubes.path).problems == []
    shown = olga.get("/operations/").content.decode()
    assert f'id="undo-{begun["id"]}"' in shown
    revisions = olga.get("/datasets/cubes/revisions/").content.decode()
    assert "features: removed 1, added 1" in revisions
    assert "by olga" in revisions
    undone = post(olga, f"/api/operations/{begun['id']}/undo", 202)
    assert undone["summary"].startswith("undo the change of features: revert")
    run.run_operation(undone["id"])
    cubes.refresh_from_db()
    assert key in cubes.features


@pytest.mark.parametrize(
    "added",
    [
        {"name": "a"},
        {"name": "a", "value": 1, "column": "action"},
        {"name": "a", "value": [1, "b"]},
        {"name": "a", "value": float("1e400")},
        {"name": "a", "labels": {}},
        {"name": "a", "labels": {"x": True}, "at": "first"},
        {"name": "a\u0000", "value": 1},
        {"name": "a", "value": {"b": 1}},
        {"name": "a", "column": "action", "part": [0, -1]},
    ],
)
def test_what_says_nothing_is_invalid(olga: Client, cubes: Dataset, added: dict[str, Any]) -> None:
    post(olga, "/api/datasets/cubes/features/preview", 422, add=[added])


def test_a_dataset_that_is_unknown_is_not_found(olga: Client) -> None:
    post(olga, f"/api/datasets/{uuid.uuid4()}/features/preview", 404, remove=["action"])
