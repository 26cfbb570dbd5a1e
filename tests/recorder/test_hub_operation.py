"""A dataset goes to the Hub from its page: previewed, begun, watched, cancelled, tried again; tokens stay secret."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from recorder.actor import Actor
from recorder.catalog.disk import Kind
from recorder.catalog.hub_tokens import source_of
from recorder.errors import Refused
from recorder.models import Dataset, Episode, Operation
from recorder.review.free_space import free_space
from recorder.worker.run import run_operation
from robotdata.dataset import delete_episodes
from robotdata.dataset.exchange.snapshot import sent_of
from robotdata.files.trees import remove_tree
from tests.support.fake_hub import TOKEN, FakeHub
from tests.support.fake_server import Trouble
from tests.support.hub_steps import every, quick_hub, sent_files

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"),  # of the client, in its own uploads
]
REPO = "olga/cubes"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[FakeHub]:
    with quick_hub(monkeypatch) as running:
        settings.HUB_ENDPOINT = running.url
        monkeypatch.setattr("robotdata.dataset.exchange.again._FIRST_PAUSE_S", 0.0)
        yield running


@pytest.fixture
def client(db: None, server: FakeHub) -> Client:
    made = Client()
    made.force_login(User.objects.create_user("olga"))
    return made


def send(client: Client, method: str, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
    answer = client.generic(method, f"/api/{path}", _json(body), content_type="application/json")
    return answer.status_code, answer.json()


def _json(body: Any) -> str:
    return json.dumps(body or {})


def sign_in(client: Client) -> None:
    assert send(client, "PUT", "hub/token", {"token": TOKEN})[1]["token"] == "own"


def begin(client: Client, **more: Any) -> tuple[int, dict[str, Any]]:
    return send(client, "POST", "datasets/cubes/push", {"repository": REPO, **more})


def end_of(client: Client, operation: dict[str, Any]) -> dict[str, Any]:
    run_operation(operation["id"])
    return send(client, "GET", f"operations/{operation['id']}")[1]


def there(server: FakeHub) -> dict[str, bytes]:
    files = server.content(REPO)
    return {name: data for name, data in files.items() if name not in {".gitattributes", "README.md"}}


def test_it_is_previewed_sent_and_compared(four: list[Episode], client: Client, server: FakeHub) -> None:
    dataset = four[0].dataset
    assert begin(client)[1]["error"]["code"] == "no_token"
    sign_in(client)
    code, preview = send(client, "POST", "datasets/cubes/push/preview", {"repository": REPO, "licence": "mit"})
    files = sent_files(dataset.path)
    assert (code, preview["exists"], preview["new_files"], preview["same_files"]) == (200, False, len(files), 0)
    assert preview["new_bytes"] == sum(map(len, files.values())) and "license: mit" in preview["card"]
    assert server.repos == {}
    code, operation = begin(client, licence="mit")
    assert (code, operation["type"], operation["summary"]) == (202, "push", f"push to {REPO}")
    assert begin(client)[1]["error"]["code"] == "running"
    done = end_of(client, operation)
    assert (done["state"], done["error"], done["steps_done"]) == ("done", "", done["steps_total"])
    assert there(server) == files and b"license: mit" in server.content(REPO)["README.md"]
    assert (done["pushed"]["sent_files"], done["pushed"]["compared"]) == (len(files), len(files))
    again = send(client, "POST", "datasets/cubes/push/preview", {"repository": f"{server.url}/datasets/{REPO}"})[1]
    assert (again["exists"], again["private"], again["has_card"]) == (True, True, True)
    assert (again["same_files"], again["new_files"], again["changed_files"]) == (len(files), 0, 0)
    page = client.get("/operations/").content.decode()
    assert f"{len(files)} files" in page and f"{server.url}/datasets/{REPO}" in page


def test_the_state_of_its_beginning_is_sent_although_it_is_edited(
    four: list[Episode], client: Client, server: FakeHub
) -> None:
    sign_in(client)
    dataset = four[0].dataset
    before = sent_files(dataset.path)
    operation = begin(client)[1]
    delete_episodes(dataset.path, [0], work=dataset.work_path, revisions=dataset.revisions_path)
    assert sent_files(dataset.path) != before
    assert end_of(client, operation)["state"] == "done" and there(server) == before


def test_no_other_state_is_sent_than_the_one_of_its_beginning(
    four: list[Episode], client: Client, server: FakeHub
) -> None:
    sign_in(client)
    dataset, operation = four[0].dataset, begin(client)[1]
    with pytest.raises(Refused, check=lambda refused: refused.code == "running"):
        free_space(kind=Kind.DOWNLOADS, name="cubes", actor=Actor("olga"))
    for kept in sent_of(dataset.work_path, dataset.slug):
        remove_tree(kept)
    delete_episodes(dataset.path, [0], work=dataset.work_path, revisions=dataset.revisions_path)
    failed = end_of(client, operation)
    assert failed["state"] == "failed" and "begin a new push" in failed["error"] and server.repos == {}
    assert free_space(kind=Kind.DOWNLOADS, name="cubes", actor=Actor("olga")) == 0


def test_a_dataset_can_be_changed_while_it_is_sent(four: list[Episode], client: Client, server: FakeHub) -> None:
    sign_in(client)
    begin(client)
    body = {"title": "Again"}
    assert send(client, "POST", "datasets/cubes/duplicate", body)[0] == 202


def test_a_person_cancels_it_while_it_runs(four: list[Episode], client: Client, server: FakeHub) -> None:
    sign_in(client)
    operation = begin(client)[1]
    answers = []

    def cancel(method: str, path: str, count: int) -> None:
        if path.startswith("/upload/") and not answers:
            answers.append(send(client, "POST", f"operations/{operation['id']}/cancel"))

    server.trouble = cancel
    done = end_of(client, operation)
    assert answers[0][0] == 200 and (done["state"], done["pushed"]) == ("cancelled", None)
    assert len(server.repos[REPO].commits) == 1
    server.trouble = lambda method, path, count: None
    assert end_of(client, begin(client)[1])["state"] == "done"


def test_another_worker_takes_over_what_one_had_begun(
    four: list[Episode], client: Client, server: FakeHub, settings: Any
) -> None:
    sign_in(client)
    operation = begin(client)[1]

    def lose_the_lease(method: str, path: str, count: int) -> None:
        if "/commit/" in path:
            Operation.objects.filter(pk=operation["id"]).update(token="", lease_until=None)

    server.trouble = lose_the_lease
    assert end_of(client, operation)["state"] == "running"
    stored = dict(server.stored)
    server.trouble = lambda method, path, count: None
    done = end_of(client, operation)
    assert (done["state"], done["pushed"]["sent_files"]) == ("done", 0)
    assert server.stored == stored and len(server.repos[REPO].commits) == 2


def test_what_failed_is_tried_again_and_goes_on_where_it_was(
    four: list[Episode], client: Client, server: FakeHub, settings: Any
) -> None:
    settings.JOB_ATTEMPTS = 1
    sign_in(client)
    operation = begin(client)[1]
    server.trouble = lambda method, path, count: Trouble(503) if "/commit/" in path else None
    failed = end_of(client, operation)
    assert failed["state"] == "failed" and "503" in failed["error"]
    stored = dict(server.stored)
    assert stored
    server.trouble = every(5, Trouble())
    assert send(client, "POST", f"operations/{operation['id']}/retry")[0] == 200
    done = end_of(client, operation)
    assert done["state"] == "done" and server.stored == stored
    assert done["pushed"]["sent_files"] + done["pushed"]["same_files"] == len(there(server))


def test_what_the_hub_refuses_is_not_tried_again(four: list[Episode], client: Client, server: FakeHub) -> None:
    sign_in(client)
    operation = begin(client)[1]
    message = "Private repository storage limit reached"
    server.trouble = lambda method, path, count: (
        Trouble(403, message, {"X-Error-Message": message}) if path.endswith("/create") else None
    )
    failed = end_of(client, operation)
    assert failed["state"] == "failed" and "no room left" in failed["error"]


def test_a_card_that_was_edited_is_sent_and_one_that_is_there_stays(
    four: list[Episode], client: Client, server: FakeHub
) -> None:
    sign_in(client)
    assert end_of(client, begin(client, card="# Mine\n")[1])["state"] == "done"
    assert server.content(REPO)["README.md"] == b"# Mine\n"
    assert end_of(client, begin(client)[1])["pushed"]["sent_files"] == 0
    assert server.content(REPO)["README.md"] == b"# Mine\n"


def test_a_token_is_nowhere_but_in_its_request(
    four: list[Episode], client: Client, server: FakeHub, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in a file, a row, an answer or a log; and not at another host: uploads are signed."""
    caplog.set_level(logging.DEBUG)
    sign_in(client)
    operation = begin(client)[1]
    server.trouble = every(4, Trouble(500, f"what is {TOKEN}?"))
    answers = [str(end_of(client, operation)), str(send(client, "GET", "hub"))]
    answers += [client.get(page).content.decode() for page in ("/operations/", "/datasets/cubes/")]
    row = Operation.objects.values().get(pk=operation["id"])
    assert row["state"] == "done"
    files = [path.read_bytes() for path in home.rglob("*") if path.is_file()]
    assert not any(TOKEN in text for text in (*answers, str(row), caplog.text))
    assert not any(TOKEN.encode() in data for data in files)
    kept = next((home / "state/hub").iterdir())
    assert kept.stat().st_mode & 0o777 == 0o600
    uploads = [
        auth for seen, auth in zip(server.seen, server.authorizations, strict=True) if seen.startswith("PUT /upl")
    ]
    assert uploads and set(uploads) == {""}


def test_each_account_has_its_own_token_and_can_remove_it(
    four: list[Episode], client: Client, server: FakeHub, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(client)
    other = Client()
    other.force_login(User.objects.create_user("ann"))
    assert send(other, "GET", "hub")[1] == {"endpoint": server.url, "token": "none"}
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert send(other, "GET", "hub")[1]["token"] == "server"
    assert send(client, "DELETE", "hub/token")[1]["token"] == "server"
    sign_in(client)
    assert send(client, "PUT", "hub/token", {"token": "no token"})[0] == 422
    olga = User.objects.get(username="olga").pk
    assert source_of(olga) == "own"
    settings.SECRET_KEY = "another"
    assert source_of(olga) == "server"


def test_a_token_goes_with_its_account(client: Client, home: Path) -> None:
    sign_in(client)
    olga = User.objects.get(username="olga")
    kept = home / "state/hub" / str(olga.pk)
    data = kept.read_bytes()
    olga.delete()
    assert not kept.exists()
    ann = User.objects.create_user("ann", pk=int(kept.name))
    kept.write_bytes(data)  # as a file that outlived a database
    assert source_of(ann.pk) == "none"
    ann.delete()
    assert source_of(User.objects.create_user("olga", pk=int(kept.name)).pk) == "none", "the account is a new one"


def test_a_push_does_not_go_on_with_another_account(
    four: list[Episode], client: Client, server: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(client)
    operation = begin(client)[1]
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert send(client, "DELETE", "hub/token")[1]["token"] == "server"
    failed = end_of(client, operation)
    assert failed["state"] == "failed" and "the server's account" in failed["error"] and server.repos == {}
    assert end_of(client, begin(client)[1])["state"] == "done"


def test_an_empty_dataset_and_a_wrong_name_are_refused(client: Client, cubes: Dataset) -> None:
    assert begin(client)[1]["error"]["code"] == "empty"


@pytest.mark.parametrize("name", ["cubes", "a/b/c", "../x", "a/b c", "https://huggingface.co/olga/model"])
def test_a_wrong_name_is_refused(four: list[Episode], client: Client, name: str) -> None:
    sign_in(client)
    code, answer = send(client, "POST", "datasets/cubes/push", {"repository": name})
    assert (code, answer["error"]["code"]) == (409, "hub")
