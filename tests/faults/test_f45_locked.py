"""F45: Another process holds the database for 20 s: requests are refused in the meantime, and nothing is lost."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.utils import timezone

from recorder.models import Episode, Rig
from robotdata.spool import Take, read_manifest
from tests.support.rigs import rows_in, ticks_gone_unsaid
from tests.support.soak_product import Product
from tests.support.whole import asked, until

HELD_S = 20
pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]
HOLD = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held(database: str = "") -> Iterator[None]:
    """The database, in the hands of a process of its own."""
    command = [sys.executable, "-c", HOLD, database or str(connection.settings_dict["NAME"])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        yield
        other.communicate()


@pytest.fixture
def impatient(transactional_db: None) -> Iterator[None]:
    """A short wait for the lock, on this connection alone."""
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite has one writer for the whole database")
    connection.close()
    options, connection.settings_dict["OPTIONS"] = connection.settings_dict["OPTIONS"], {}
    connection.settings_dict["OPTIONS"] = {**options, "timeout": 0.3}
    yield
    connection.close()
    connection.settings_dict["OPTIONS"] = options


def test_it_shows_what_there_is_and_asks_to_try_again(
    impatient: None, make_episode: Callable[..., Episode], admin_client: Any
) -> None:
    episode = make_episode(verdict="unreviewed")
    address = f"/api/episodes/{episode.pk}"
    body = json.dumps({"verdict": "keep"})
    with held():
        assert admin_client.get(address).status_code == 200
        answer = admin_client.patch(address, body, content_type="application/json")
        assert answer.status_code == 503, answer.content
        error = answer.json()["error"]
        assert error["code"] == "busy" and "again" in error["message"]
    assert admin_client.patch(address, body, content_type="application/json").json()["verdict"] == "keep"
    with closing(sqlite3.connect(str(connection.settings_dict["NAME"]))) as database:
        assert database.execute("PRAGMA quick_check").fetchone() == ("ok",)


def test_a_page_that_has_to_write_says_that_it_passes(impatient: None, admin_client: Any) -> None:
    long_ago = timezone.now() - timedelta(hours=1)
    Rig.objects.create(name="arm", state="idle", last_seen_at=long_ago)  # the page would call it offline
    admin_client.raise_request_exception = False
    with held():
        answer = admin_client.get("/")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5"), answer.content[:300]
        assert b"Database unavailable" in answer.content
    assert admin_client.get("/").status_code == 200


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    made = Product(tmp_path, 1)
    made.start()
    try:
        yield made
    finally:
        made.kill_everything()


def recorded(product: Product, take: str) -> dict[str, Any]:
    return dict(until(lambda: (said := asked(product, f"/api/episodes/{take}")).get("state") == "recorded" and said))


def record(product: Product, seconds: float) -> str:
    """A take that has begun, and ends by itself."""
    until(lambda: "record" in asked(product, "/api/rigs/rig1").get("controls", ()))
    take = str(uuid.uuid4())
    body = {"dataset": "held", "task": "push", "countdown_s": 0, "episode_s": seconds, "take": take}
    assert product.ask("POST", "/api/rigs/rig1/record", body)[0] == 200
    until(lambda: asked(product, f"/api/episodes/{take}").get("state") in {"recording", "recorded"})
    return take


def rows_are_whole(folder: Path) -> bool:
    with Take.open(folder) as take:
        ticks = take.column("tick")
    return np.array_equal(ticks, np.arange(len(ticks))) and ticks_gone_unsaid(folder) <= 3


def test_for_twenty_seconds_nobody_can_write_and_a_rig_records_on(product: Product) -> None:
    """Meanwhile a worker is at a job, a person asks for things, and a take ends by its timer."""
    assert product.ask("POST", "/api/datasets", {"title": "Held"})[0] == 201
    first = record(product, 1)
    recorded(product, first)
    kept = {"verdict": "keep", "labels": ["rate accepted"]}
    assert product.ask("PATCH", f"/api/episodes/{first}", kept)[0] == 200
    take = record(product, 15)
    folder = product.home / "spool" / take
    assert product.ask("POST", "/api/datasets/held/encode", {})[0] == 202
    asks = [
        ("POST", "/api/datasets", {"title": "Another"}),
        ("PATCH", "/api/datasets/held", {"title": "Held fast"}),
        ("PATCH", f"/api/episodes/{first}", {"note": "while it was held"}),
    ]
    with held(str(product.home / ".state/robotdata.sqlite3")), ThreadPoolExecutor(len(asks)) as people:
        began, before = time.monotonic(), rows_in(folder)
        for status, said in people.map(lambda each: product.ask(*each), asks):  # while it is held, not after it
            assert (status, said["error"]["code"]) == (503, "busy"), said
            assert "locked" in said["error"]["message"] and "Nothing was changed: try again" in said["error"]["message"]
        assert product.ask("GET", f"/api/episodes/{take}")[0] == 200, "what there is can be read"
        until(lambda: read_manifest(folder)["state"] == "recorded")
        assert rows_in(folder) > before
        until(lambda: time.monotonic() > began + HELD_S)
    episode = recorded(product, take)
    assert episode["end_reason"] == "timer" and episode["ticks"] == rows_in(folder) > 30
    assert rows_are_whole(folder), "no tick is missing"
    until(lambda: asked(product, f"/api/episodes/{first}").get("state") == "encoded")
    said = asked(product, f"/api/episodes/{first}")
    assert (said["verdict"], said["note"]) == ("keep", ""), "what was refused was not done"
    for method, path, body in asks:
        assert product.ask(method, path, body)[0] in {200, 201, 202}
    assert asked(product, f"/api/episodes/{first}")["note"] == "while it was held"
    assert recorded(product, record(product, 1))["ticks"] > 0, "and on as ever"
    assert product.stop() == 0
