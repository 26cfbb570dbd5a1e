"""Applying, going back and renaming over the API, and what the pages show of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from recorder.actor import Actor
from recorder.browse.counts import tasks_of
from recorder.browse.filters import Filter, rows_in
from recorder.models import Dataset, Episode, Operation
from recorder.review.verdicts import edit_episodes, set_verdict, undo
from recorder.worker import run
from tests.recorder.conftest import entry, frames

pytestmark = pytest.mark.django_db(transaction=True)


def post(client: Client, url: str, **body: Any) -> Any:
    return client.post(url, body, content_type="application/json")


def test_the_whole_way(olga: Client, four: list[Episode], cubes: Dataset) -> None:
    ids = [str(one.pk) for one in four]
    assert post(olga, "/api/datasets/cubes/apply").json()["error"]["code"] == "nothing"
    assert post(olga, "/api/episodes/verdict", episodes=ids[:1], verdict="reject").status_code == 200
    trimmed = olga.patch(f"/api/episodes/{ids[1]}", {"trim": [3, 5], "task": "stack"}, content_type="application/json")
    assert trimmed.json()["planned"] == {"delete": False, "task": "stack", "trim": [3, 5]}
    assert olga.get("/api/datasets/cubes/planned").json() == {"delete": 1, "relabel": 1, "trim": 1}
    begun = post(olga, "/api/datasets/cubes/apply")
    assert begun.status_code == 202 and begun.json()["type"] == "edit"
    assert post(olga, "/api/datasets/cubes/revert", revision=1).status_code == 404
    run.run_operation(begun.json()["id"])
    assert olga.get(f"/api/operations/{begun.json()['id']}").json()["state"] == "done"
    assert frames(cubes) == [(2, [2, 3, 4]), (3, list(range(7))), (4, list(range(5)))]
    listed = olga.get("/api/datasets/cubes/revisions").json()
    assert [(one["number"], one["present"], one["by"]) for one in listed] == [(2, True, "olga"), (1, False, "olga")]
    assert listed[0]["counts"] == {"deleted": 1, "relabelled": 1, "trimmed": 1}
    shown = olga.get("/operations/").content.decode()
    assert "delete 1, relabel 1, trim 1" in shown and "1 keeps a few extra frames" in shown
    back = post(olga, "/api/datasets/cubes/revert", revision=1)
    assert back.status_code == 202
    run.run_operation(back.json()["id"])
    assert [number for number, _ in frames(cubes)] == [1, 2, 3, 4]
    revisions = olga.get("/datasets/cubes/revisions/").content.decode()
    assert "reverted to revision 1" in revisions and "by olga" in revisions
    assert post(olga, "/api/datasets/cubes/revert", revision=9).status_code == 404


def test_a_task_is_renamed_in_takes_and_episodes_and_back(
    olga: Client, four: list[Episode], cubes: Dataset, make_episode: Any
) -> None:
    take, other = make_episode(verdict="unreviewed"), make_episode(verdict="unreviewed", task="fold")
    answer = post(olga, "/api/datasets/cubes/tasks/rename", task="push", to="push the cube")
    assert answer.json()["episodes"] == 5
    tasks = dict(Episode.objects.values_list("pk", "task"))
    assert tasks.pop(other.pk) == "fold" and set(tasks.values()) == {"push the cube"}
    assert entry(four[0])["planned"] == {"task": "push the cube"}
    assert len(undo(actor=Actor("olga"))) == 5 and Episode.objects.get(pk=take.pk).task == "push"
    assert "planned" not in entry(four[0])
    assert post(olga, "/api/datasets/cubes/tasks/rename", task="nobody", to="x").status_code == 404


def test_the_pages_say_what_waits(olga: Client, four: list[Episode], cubes: Dataset) -> None:
    assert "to delete" not in olga.get("/datasets/cubes/planned/").content.decode()
    set_verdict(episodes=[four[0]], verdict="reject", actor=Actor("olga"))
    edit_episodes(episodes=[four[1]], actor=Actor("olga"), task="stack <b>", trim_first=3, trim_end=4)
    page = olga.get("/datasets/cubes/?view=committed").content.decode()
    assert "1 to delete</a>, <a" in page and "1 to relabel</a>, <a" in page and "1 to trim</a></p>" in page
    assert page.count("will be deleted</span>") == 1 and page.count("will be trimmed</span>") == 1
    player = olga.get(f"/episodes/{four[1].pk}/").content.decode()
    assert "“push” becomes “stack &lt;b&gt;”" in player
    assert "trimmed to frame 3, or a few frames earlier (cuts snap to keyframes)." in player
    assert "changes are applied</a>: deleted." in olga.get(f"/episodes/{four[0].pk}/").content.decode()
    assert 'data-judge="reject"' in player and "<h1>Trash</h1>" in olga.get("/trash/").content.decode()


def test_what_will_be_deleted_does_not_count_towards_the_goal(four: list[Episode], cubes: Dataset) -> None:
    set_verdict(episodes=four[:1], verdict="reject", actor=Actor("olga"))
    set_verdict(episodes=four[1:2], verdict="unreviewed", actor=Actor("olga"))
    assert [(line["n"], line["kept"]) for line in tasks_of(cubes)] == [(4, 3)]


def test_a_rejected_take_is_counted_under_no_task_as_in_the_lists(
    cubes: Dataset, make_episode: Callable[..., Episode]
) -> None:
    takes = [make_episode(n) for n in (1, 2)]
    set_verdict(episodes=takes[:1], verdict="reject", actor=Actor("olga"))
    assert [line["n"] for line in tasks_of(cubes)] == [1]


def test_the_filter_finds_them(four: list[Episode], cubes: Dataset) -> None:
    set_verdict(episodes=[four[0]], verdict="reject", actor=Actor("olga"))
    edit_episodes(episodes=[four[1]], actor=Actor("olga"), task="stack")
    edit_episodes(episodes=[four[2]], actor=Actor("olga"), trim_first=0, trim_end=4)

    def found(view: str, **asked: str) -> list[int]:
        rows = rows_in(cubes, view, Filter.read(asked))
        return sorted([one.pk for one in four].index(pk) for pk in rows.values_list("pk", flat=True))

    assert found("committed", verdict="reject") == found("all", verdict="reject") == [0]
    assert [found("committed", planned=kind) for kind in ("any", "delete", "relabel", "trim", "nonsense")] == [
        [0, 1, 2],
        [0],
        [1],
        [2],
        [0, 1, 2, 3],
    ]


def test_a_failed_one_offers_to_try_again(olga: Client, four: list[Episode], cubes: Dataset) -> None:
    set_verdict(episodes=[four[0]], verdict="reject", actor=Actor("olga"))
    video = next(cubes.path.rglob("*.mp4"))
    video.rename(video.with_suffix(".away"))
    operation = post(olga, "/api/datasets/cubes/apply").json()["id"]
    run.run_operation(operation)
    page = olga.get("/datasets/cubes/").content.decode()
    assert f"/api/operations/{operation}/retry" in page and "is missing" in page
    video.with_suffix(".away").rename(video)
    assert post(olga, f"/api/operations/{operation}/retry").status_code == 200
    run.run_operation(operation)
    assert Operation.objects.get(pk=operation).state == "done" and [number for number, _ in frames(cubes)] == [2, 3, 4]


def test_one_that_waits_can_be_cancelled_from_the_page(olga: Client, four: list[Episode], cubes: Dataset) -> None:
    set_verdict(episodes=[four[0]], verdict="reject", actor=Actor("olga"))
    operation = post(olga, "/api/datasets/cubes/apply").json()["id"]
    cancel = f"/api/operations/{operation}/cancel"
    for page in ("/datasets/cubes/", "/operations/", f"/operations/{operation}/"):
        shown = olga.get(page).content.decode()
        assert f"POST {cancel}" in shown and "pending changes are kept" in shown
    assert post(olga, cancel).json()["state"] == "cancelled"
    assert olga.get("/api/datasets/cubes/planned").json()["delete"] == 1
    assert 'id="apply"' in olga.get("/datasets/cubes/planned/").content.decode()
    again = post(olga, "/api/datasets/cubes/apply").json()["id"]
    assert run.claim_operation(again) is not None
    assert "/cancel" not in olga.get(f"/operations/{again}/").content.decode()
    refused = post(olga, f"/api/operations/{again}/cancel")
    assert refused.status_code == 409 and refused.json()["error"]["code"] == "running"


def test_nobody_is_offered_to_apply_what_is_being_applied(olga: Client, four: list[Episode], cubes: Dataset) -> None:
    set_verdict(episodes=[four[0]], verdict="reject", actor=Actor("olga"))
    offer = '<button class="button primary touch" id="apply" type="button"'
    assert f"{offer} data-call" in olga.get("/datasets/cubes/planned/").content.decode()
    operation = post(olga, "/api/datasets/cubes/apply").json()["id"]
    for page in ("/datasets/cubes/planned/", "/datasets/cubes/"):
        shown = olga.get(page).content.decode()
        assert f"{offer} disabled" in shown and "is being changed now" in shown
    post(olga, f"/api/operations/{operation}/cancel")
    assert f"{offer} data-call" in olga.get("/datasets/cubes/planned/").content.decode()


def test_what_was_deleted_has_no_card_on_a_wall(olga: Client, four: list[Episode], cubes: Dataset) -> None:
    set_verdict(episodes=[four[0]], verdict="reject", actor=Actor("olga"))
    run.run_operation(post(olga, "/api/datasets/cubes/apply").json()["id"])
    card = f"/episodes/{four[0].pk}/card/"
    assert olga.get(f"{card}?view=committed&wall=yes").content == b""
    elsewhere = olga.get(card).content.decode()
    assert "deleted" in elsewhere and "encoding failed" not in elsewhere


def test_a_wait_is_no_failure_and_a_cancelled_change_no_alarm(
    olga: Client, four: list[Episode], cubes: Dataset
) -> None:
    set_verdict(episodes=[four[0]], verdict="reject", actor=Actor("olga"))
    operation = post(olga, "/api/datasets/cubes/apply").json()["id"]
    Operation.objects.filter(pk=operation).update(error="Waits: the folder is being changed by pid 1.")
    waits = olga.get("/datasets/cubes/operations/").content.decode()
    assert "note tone-warn" in waits and "tone-bad" not in waits and "waiting for a worker" not in waits
    post(olga, f"/api/operations/{operation}/cancel")
    cancelled = olga.get("/datasets/cubes/operations/").content.decode()
    assert "Cancelled by olga." in cancelled and "tone-bad" not in cancelled
