"""A dataset of the Hub is added like any other: fetched with progress, cancelled, resumed, converted if it is old."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from recorder.models import Dataset, Episode, Unopened
from tests.support.fake_hub import TOKEN, FakeHub
from tests.support.fake_server import Trouble
from tests.support.hub_steps import quick_hub, sent_files
from tests.support.old_dataset import write_old
from tests.support.version_1 import write_version_1

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[FakeHub]:
    with quick_hub(monkeypatch) as running:
        settings.HUB_ENDPOINT = running.url
        monkeypatch.setattr("robotdata.dataset.exchange.again._FIRST_PAUSE_S", 0.0)
        yield running


@pytest.fixture
def client(db: None) -> Client:
    made = Client()
    made.force_login(User.objects.create_user("olga"))
    return made


def ask(client: Client, method: str, path: str, **body: Any) -> dict[str, Any]:
    send = {"GET": client.get, "POST": client.post, "PUT": client.put}[method]
    return dict(send(f"/api/{path}", body, content_type="application/json").json())


def fetched(client: Client, **body: Any) -> dict[str, Any]:
    return ended(client, ask(client, "POST", "additions/hub", **{"repository": "ann/cups", **body}))


def ended(client: Client, addition: dict[str, Any]) -> dict[str, Any]:
    while addition["state"] in {"uploading", "running"}:
        time.sleep(0.02)
        addition = ask(client, "GET", f"additions/{addition['id']}")
    return addition


def test_it_is_fetched_and_opened(four: list[Episode], client: Client, server: FakeHub, home: Path) -> None:
    files = sent_files(four[0].dataset.path)
    server.fill("ann/cups", files)
    done = fetched(client, repository=f"{server.url}/datasets/ann/cups")
    assert (done["state"], done["error"], done["source"]) == ("done", "", "ann/cups")
    assert done["done"] == done["total"] == sum(map(len, files.values()))
    cups = Dataset.objects.get(slug="cups")
    assert cups.total_episodes == 4 and sent_files(cups.path) == files
    some = fetched(client, episodes="1-2")
    assert some["landed"][0]["name"] == "cups-2" and Dataset.objects.get(slug="cups-2").total_episodes == 2
    assert not list((home / "datasets/.incoming").glob("*/download"))


def test_a_private_one_needs_the_token_of_its_owner(four: list[Episode], client: Client, server: FakeHub) -> None:
    server.fill("olga/cups", sent_files(four[0].dataset.path), private=True)
    refused = fetched(client, repository="olga/cups")
    assert refused["state"] == "failed" and "or it is private" in refused["error"]
    ask(client, "PUT", "hub/token", token=TOKEN)
    assert fetched(client, repository="olga/cups")["state"] == "done"
    assert ask(client, "POST", "additions/hub", repository="cups")["error"]["code"] == "not_added"


def test_a_network_that_fails_is_no_loss(four: list[Episode], client: Client, server: FakeHub) -> None:
    """What has come stays, and is not fetched again."""
    server.fill("ann/cups", sent_files(four[0].dataset.path))
    server.trouble = lambda method, path, count: Trouble() if "videos" in path else None
    stopped = fetched(client)
    assert stopped["state"] == "interrupted" and "cannot be reached" in stopped["error"]
    server.trouble = lambda method, path, count: None
    server.seen.clear()
    done = ended(client, ask(client, "POST", f"additions/{stopped['id']}/finish"))
    assert done["state"] == "done" and Dataset.objects.get(slug="cups").total_episodes == 4
    assert not [path for path in server.seen if "/resolve/" in path and "/videos/" not in path]


def test_it_is_cancelled_on_the_way(four: list[Episode], client: Client, server: FakeHub, home: Path) -> None:
    server.fill("ann/cups", sent_files(four[0].dataset.path))

    def cancel(method: str, path: str, count: int) -> None:
        if "/videos/" in path:
            (open_one,) = client.get("/api/additions").json()
            client.post(f"/api/additions/{open_one['id']}/cancel", {}, content_type="application/json")

    server.trouble = cancel
    assert fetched(client)["state"] == "cancelled"
    assert not Dataset.objects.filter(slug="cups").exists()
    assert not list((home / "datasets/.incoming").glob("*/download"))


@pytest.mark.parametrize("write", [write_old, write_version_1])
def test_an_older_version_is_offered_for_conversion(
    home: Path, bells: Any, client: Client, server: FakeHub, tmp_path: Path, write: Callable[[Path], Path]
) -> None:
    old = write(tmp_path / "old")
    server.fill("ann/cups", {p.relative_to(old).as_posix(): p.read_bytes() for p in old.rglob("*") if p.is_file()})
    done = fetched(client)
    assert done["state"] == "done" and done["landed"][0]["problem"]
    assert Unopened.objects.get(name="cups").remedy == "convert"


def test_the_command_fetches(four: list[Episode], server: FakeHub) -> None:
    server.fill("ann/cups", sent_files(four[0].dataset.path))
    said = StringIO()
    call_command("add", "ann/cups", "--episodes", "3", stdout=said)
    assert "cups was added" in said.getvalue() and Dataset.objects.get(slug="cups").total_episodes == 1
    with pytest.raises(CommandError, match="or it is private"):
        call_command("add", "ann/none", stdout=said)
