"""A dataset goes to object storage and comes from there, by page, API and command; keys stay secret."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from recorder.catalog.storage_keys import keys_source
from recorder.models import Dataset, Episode, Operation
from recorder.worker.run import run_operation
from robotdata.dataset import delete_episodes
from tests.support.fake_s3 import KEY, SECRET, FakeS3
from tests.support.fake_server import Trouble
from tests.support.hub_steps import every, sent_files
from tests.support.storage_steps import FOLDER, LIST, TARGET, quick_storage, there

pytestmark = pytest.mark.django_db(transaction=True)
SAMPLE = "datasets/cubes/push"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeS3]:
    with quick_storage(monkeypatch) as running:
        yield running


@pytest.fixture
def client(db: None, server: FakeS3) -> Client:
    made = Client()
    made.force_login(User.objects.create_user("olga"))
    return made


def send(client: Client, method: str, path: str, **body: Any) -> tuple[int, dict[str, Any]]:
    answer = client.generic(method, f"/api/{path}", json.dumps(body), content_type="application/json")
    return answer.status_code, answer.json()


def sign_in(client: Client, server: FakeS3) -> None:
    code, answer = send(client, "PUT", "storage/keys", key=KEY, secret=SECRET, endpoint=server.url)
    assert (code, answer) == (200, {"keys": "own", "endpoint": server.url})


def begin(client: Client, **more: Any) -> tuple[int, dict[str, Any]]:
    return send(client, "POST", SAMPLE, **{"repository": TARGET, **more})


def end_of(client: Client, operation: dict[str, Any]) -> dict[str, Any]:
    run_operation(operation["id"])
    return send(client, "GET", f"operations/{operation['id']}")[1]


def fetched(client: Client, **body: Any) -> dict[str, Any]:
    return ended(client, send(client, "POST", "additions/hub", **{"repository": TARGET, **body})[1])


def ended(client: Client, addition: dict[str, Any]) -> dict[str, Any]:
    while addition["state"] in {"uploading", "running"}:
        time.sleep(0.02)
        addition = send(client, "GET", f"additions/{addition['id']}")[1]
    return addition


def test_it_is_previewed_sent_compared_and_fetched(four: list[Episode], client: Client, server: FakeS3) -> None:
    files = sent_files(four[0].dataset.path)
    assert begin(client)[1]["error"]["code"] == "no_keys"
    sign_in(client, server)
    code, preview = send(client, "POST", f"{SAMPLE}/preview", repository=f"{TARGET}/")
    assert (code, preview["repository"], preview["exists"], preview["card"]) == (200, TARGET, False, "")
    assert preview["new_files"] == len(files) and server.objects == {}
    code, operation = begin(client)
    assert (code, operation["type"], operation["summary"]) == (202, "push", f"push to {TARGET}")
    assert begin(client)[1]["error"]["code"] == "running"
    done = end_of(client, operation)
    assert (done["state"], done["error"], done["steps_done"]) == ("done", "", done["steps_total"])
    assert there(server) == files and done["pushed"]["compared"] == len(files)
    again = send(client, "POST", f"{SAMPLE}/preview", repository=TARGET)[1]
    assert (again["exists"], again["same_files"], again["new_files"]) == (True, len(files), 0)
    page = client.get("/operations/").content.decode()
    assert f"{len(files)} files" in page and f"push to {TARGET}" in page and "Open s3://" not in page
    assert TARGET in client.get("/datasets/cubes/files/").content.decode()
    came = fetched(client, episodes="1-2")
    assert (came["state"], came["error"], came["source"]) == ("done", "", TARGET)
    assert Dataset.objects.get(slug=came["landed"][0]["name"]).total_episodes == 2


def test_another_dataset_in_the_folder_stays_unless_that_is_asked_for(
    four: list[Episode], client: Client, server: FakeS3
) -> None:
    sign_in(client, server)
    end_of(client, begin(client)[1])
    key = f"{FOLDER}/{LIST}"
    server.fill(FOLDER, {LIST: server.objects[key].data.replace(b'"dataset": "cubes"', b'"dataset": "forks"')})
    before = dict(server.objects)
    preview = send(client, "POST", f"{SAMPLE}/preview", repository=TARGET)[1]
    assert (preview["exists"], preview["other"]) == (True, "forks")
    failed = end_of(client, begin(client)[1])
    assert failed["state"] == "failed" and "another dataset, forks" in failed["error"] and server.objects == before
    assert begin(client, repository="olga/cubes", replace=True)[1]["error"]["code"] in {"invalid", "no_token"}
    assert end_of(client, begin(client, replace=True)[1])["state"] == "done"
    assert send(client, "POST", f"{SAMPLE}/preview", repository=TARGET)[1]["other"] == ""


def test_two_datasets_do_not_go_to_one_folder_at_once(four: list[Episode], client: Client, server: FakeS3) -> None:
    sign_in(client, server)
    operation = begin(client)[1]
    Operation.objects.filter(pk=operation["id"]).update(dataset=Dataset.objects.create(slug="forks", title="Forks"))
    answer = begin(client)[1]
    assert answer["error"]["code"] == "running" and "Forks is being sent" in answer["error"]["message"]
    assert begin(client, repository=f"{TARGET}-2")[0] == 202


def test_a_person_cancels_it_while_it_runs(four: list[Episode], client: Client, server: FakeS3) -> None:
    sign_in(client, server)
    operation = begin(client)[1]
    answers = []

    def cancel(method: str, path: str, count: int) -> None:
        if method == "PUT" and "/data/" in path and not answers:
            answers.append(send(client, "POST", f"operations/{operation['id']}/cancel"))

    server.trouble = cancel
    done = end_of(client, operation)
    assert answers[0][0] == 200 and (done["state"], done["pushed"]) == ("cancelled", None)
    assert "meta/info.json" not in there(server)
    server.trouble = lambda method, path, count: None
    assert end_of(client, begin(client)[1])["state"] == "done"


def test_what_failed_is_tried_again_and_goes_on_where_it_was(
    four: list[Episode], client: Client, server: FakeS3, settings: Any
) -> None:
    settings.JOB_ATTEMPTS = 1
    sign_in(client, server)
    operation = begin(client)[1]
    server.trouble = lambda method, path, count: (
        Trouble(503, "SlowDown") if method == "PUT" and "info.json" in path else None
    )
    failed = end_of(client, operation)
    assert failed["state"] == "failed" and "503" in failed["error"]
    server.trouble, before = every(5, Trouble()), len(server.parts_sent)
    assert send(client, "POST", f"operations/{operation['id']}/retry")[0] == 200
    done = end_of(client, operation)
    assert done["state"] == "done" and there(server) == sent_files(four[0].dataset.path)
    assert before and server.parts_sent[before:] == [(f"{FOLDER}/meta/info.json", 1)]


def test_keys_are_nowhere_but_encrypted(
    four: list[Episode], client: Client, server: FakeS3, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    sign_in(client, server)
    operation = begin(client)[1]
    server.trouble = every(4, Trouble(500, f"what is {SECRET} of {KEY}?"))
    answers = [str(end_of(client, operation)), str(send(client, "GET", "storage"))]
    answers += [client.get(page).content.decode() for page in ("/operations/", "/datasets/cubes/files/")]
    row = Operation.objects.values().get(pk=operation["id"])
    assert row["state"] == "done"
    files = [path.read_bytes() for path in home.rglob("*") if path.is_file()]
    for secret in (SECRET, KEY):
        assert not any(secret in text for text in (*answers, str(row), caplog.text, *server.seen))
        assert not any(secret.encode() in data for data in files)
    assert next((home / "state/storage").iterdir()).stat().st_mode & 0o777 == 0o600


def test_each_account_has_its_own_keys_and_they_go_with_it(
    four: list[Episode], client: Client, server: FakeS3, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(client, server)
    operation = begin(client)[1]
    olga = User.objects.get(username="olga")
    ann = Client()
    ann.force_login(User.objects.create_user("ann"))
    assert send(ann, "GET", "storage")[1] == {"keys": "none", "endpoint": ""}
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    assert send(ann, "GET", "storage")[1]["keys"] == "server"
    assert send(client, "DELETE", "storage/keys")[1]["keys"] == "server"
    failed = end_of(client, operation)
    assert failed["state"] == "failed" and "the server's keys" in failed["error"] and server.objects == {}
    sign_in(client, server)
    assert keys_source(olga.pk) == "own"
    for wrong in ({"endpoint": "https://me:pw@minio"}, {"key": "two words"}, {"secret": " "}, {"region": "eu/#"}):
        body = {"key": KEY, "secret": SECRET, "endpoint": server.url, **wrong}
        assert send(client, "PUT", "storage/keys", **body)[0] == 422
    kept = home / "state/storage" / str(olga.pk)
    olga.delete()
    assert not kept.exists()


@pytest.mark.parametrize("name", ["s3://lab", "s3://Lab/x", "s3://lab/../x"])
def test_a_wrong_name_is_refused(four: list[Episode], client: Client, server: FakeS3, name: str) -> None:
    sign_in(client, server)
    assert begin(client, repository=name)[1]["error"]["code"] == "storage"
    assert send(client, "POST", "additions/hub", repository=name)[1]["error"]["code"] == "not_added"
    assert begin(client, pull_request=True)[0] == 422
    assert send(client, "POST", "additions/hub", repository=TARGET, revision="main")[1]["error"]["code"] == "not_added"


def test_it_is_not_cancelled_while_readers_find_no_dataset(four: list[Episode], client: Client, server: FakeS3) -> None:
    """Also when it is tried again after it failed there: it must come through."""
    sign_in(client, server)
    end_of(client, begin(client)[1])
    dataset = four[0].dataset
    delete_episodes(dataset.path, [0], work=dataset.work_path, revisions=dataset.revisions_path)
    answers = []
    operation = begin(client)[1]

    def refuse(method: str, path: str, count: int) -> Trouble | None:
        if method != "POST" or "uploadId=" not in path:
            return None
        answers.append(send(client, "POST", f"operations/{operation['id']}/cancel"))
        return Trouble(403, "AccessDenied")

    server.trouble = refuse
    failed = end_of(client, operation)
    assert failed["state"] == "failed" and "shows no dataset until" in failed["error"]
    assert (
        "meta/info.json" not in there(server) and send(client, "POST", f"operations/{operation['id']}/retry")[0] < 300
    )

    answers.append(send(client, "POST", f"operations/{operation['id']}/cancel"))  # it waits for a worker

    def cancel(method: str, path: str, count: int) -> None:
        if "list-type" in path:
            answers.append(send(client, "POST", f"operations/{operation['id']}/cancel"))

    server.trouble = cancel
    assert end_of(client, operation)["state"] == "done"
    assert len(answers) > 2 and {code for code, _ in answers} == {409}
    assert there(server) == sent_files(four[0].dataset.path)


def test_a_push_that_failed_there_can_be_given_up(four: list[Episode], client: Client, server: FakeS3) -> None:
    sign_in(client, server)
    operation = begin(client)[1]
    refused = Trouble(403, "AccessDenied")
    server.trouble = lambda method, path, count: refused if method == "POST" and "uploadId=" in path else None
    assert end_of(client, operation)["state"] == "failed"
    assert send(client, "POST", f"operations/{operation['id']}/cancel")[1]["state"] == "cancelled"


def test_a_network_that_fails_is_no_loss(four: list[Episode], client: Client, server: FakeS3) -> None:
    sign_in(client, server)
    end_of(client, begin(client)[1])
    server.trouble = lambda method, path, count: Trouble() if "/videos/" in path else None
    stopped = fetched(client)
    assert stopped["state"] == "interrupted" and "cannot be reached" in stopped["error"]
    server.trouble = lambda method, path, count: None
    server.seen.clear()
    done = ended(client, send(client, "POST", f"additions/{stopped['id']}/finish")[1])
    came = Dataset.objects.get(slug=done["landed"][0]["name"])
    assert done["state"] == "done" and sent_files(came.path) == sent_files(four[0].dataset.path)
    assert not [path for path in server.seen if path.startswith("GET") and "/videos/" not in path]


def test_the_commands_send_and_fetch(
    four: list[Episode], server: FakeS3, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the keys of the environment, for a storage at an address of its own."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    dataset, output = four[0].dataset, StringIO()
    settings.DATASETS_DIR = dataset.path.parent
    count = len(sent_files(dataset.path))
    call_command("push", "cubes", TARGET, "--dry-run", stdout=output)
    assert f"{count} files" in output.getvalue() and server.objects == {}
    call_command("push", "cubes", TARGET, stdout=output)
    assert f"All {count} files" in output.getvalue() and there(server) == sent_files(dataset.path)
    with pytest.raises(CommandError, match="is for a bucket"):
        call_command("push", "cubes", "olga/cubes", "--replace", stdout=output)
    with pytest.raises(CommandError, match="is for the Hub"):
        call_command("push", "cubes", TARGET, "--public", stdout=output)
    call_command("add", TARGET, "--episodes", "3", stdout=output)
    assert "was added" in output.getvalue() and SECRET not in output.getvalue()
    with pytest.raises(CommandError, match="holds no file"):
        call_command("add", "s3://lab/none", stdout=output)
