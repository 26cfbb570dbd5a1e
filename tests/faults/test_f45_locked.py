"""F45: another process holds the database."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from django.db import connection

from recorder.models import Episode

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
