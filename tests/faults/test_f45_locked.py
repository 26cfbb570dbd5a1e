"""F45: another process holds the database."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from recorder.models import Episode, Rig

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]
HOLD = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held() -> Iterator[None]:
    """The database, in the hands of a process of its own."""
    command = [sys.executable, "-c", HOLD, str(connection.settings_dict["NAME"])]
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
        assert b"database" in answer.content
    assert admin_client.get("/").status_code == 200
