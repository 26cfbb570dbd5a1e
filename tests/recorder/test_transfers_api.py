"""Copy, move, split, merge, duplicate and undo over the API, and what the pages show of them."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from recorder.models import Dataset, Episode
from recorder.worker import run
from tests.recorder.conftest import frames

pytestmark = pytest.mark.django_db(transaction=True)


def post(client: Client, url: str, status: int = 202, **body: Any) -> Any:
    answer = client.post(url, body, content_type="application/json")
    assert answer.status_code == status, answer.content
    return answer.json()


def finished(client: Client, begun: Any) -> Any:
    run.run_operation(begun["id"])
    answer = client.get(f"/api/operations/{begun['id']}").json()
    assert (answer["state"], answer["error"]) == ("done", "")
    return answer


def test_the_whole_way(olga: Client, four: list[Episode], cubes: Dataset) -> None:
    whole, ids = frames(cubes), [str(one.pk) for one in four]
    asked = {"episodes": ids[:2], "title": "Best"}
    preview = post(olga, "/api/datasets/cubes/copy/preview", 200, **asked)
    assert (preview["title"], preview["episodes"], preview["differing"]) == ("Best", 2, [])
    assert preview["frames"] == four[0].ticks + four[1].ticks and preview["size_bytes"] > 1000
    copied = finished(olga, post(olga, "/api/datasets/cubes/copy", **asked))
    assert copied["summary"] == "copy 2 episodes to Best"
    assert copied["made"] == [{"slug": "best", "title": "Best", "new": True, "revision": 1}]
    finished(olga, post(olga, "/api/datasets/cubes/copy", episodes=ids[2:3], to="best", move=True))
    assert frames(Dataset.objects.get(slug="best")) == whole[:3]
    assert frames(cubes) == [whole[0], whole[1], whole[3]]
    parts = post(
        olga,
        "/api/datasets/cubes/split/preview",
        200,
        parts=[{"title": "A", "share": 0.5}, {"title": "B", "share": 0.5}],
    )
    assert [(part["title"], part["episodes"]) for part in parts] == [("A", 1), ("B", 2)]
    finished(olga, post(olga, "/api/datasets/cubes/split", by="task"))
    both = post(olga, "/api/datasets/cubes/merge", others=["best"], title="Both")
    finished(olga, both)
    assert olga.get("/api/datasets/both").json()["total_episodes"] == 6
    finished(olga, post(olga, "/api/datasets/cubes/duplicate", title="Again"))
    shown = olga.get("/operations/").content.decode()
    assert "copy 2 episodes to Best" in shown and 'href="/datasets/both/"' in shown
    finished(olga, post(olga, f"/api/operations/{both['id']}/undo"))
    assert olga.get("/api/datasets/both").status_code == 404
    assert "undo the merge: remove Both" in olga.get("/operations/").content.decode()


def test_what_differs_is_answered_as_a_table(olga: Client, four: list[Episode], cubes: Dataset) -> None:
    finished(olga, post(olga, "/api/datasets/cubes/duplicate", title="Other"))
    info = Dataset.objects.get(slug="other").path / "meta/info.json"
    info.write_text(info.read_text().replace('"shoulder.pos"', '"base.pos"'))
    preview = post(olga, "/api/datasets/cubes/merge/preview", 200, others=["other"], title="Both")
    assert {"dataset": "other", "what": "action names", "there": "base.pos", "here": "shoulder.pos"} in preview[
        "differing"
    ]
    assert post(olga, "/api/datasets/cubes/merge", 409, others=["other"], title="Both")["error"]["code"] == "differ"
    maps = {"joints": {"base.pos": "shoulder.pos"}}
    assert (
        post(olga, "/api/datasets/cubes/merge/preview", 200, others=["other"], title="Both", maps=maps)["differing"]
        == []
    )
    finished(olga, post(olga, "/api/datasets/cubes/merge", others=["other"], title="Both", maps=maps))


@pytest.mark.parametrize(
    "body",
    [
        {"episodes": []},
        {"title": "A"},
        {"episodes": ["x"], "title": "A"},
        {"episodes": ["00000000-0000-0000-0000-000000000001"], "title": "A", "to": "cubes"},
    ],
)
def test_a_request_that_makes_no_sense_is_refused(olga: Client, cubes: Dataset, body: dict[str, Any]) -> None:
    post(olga, "/api/datasets/cubes/copy", 422, **body)
