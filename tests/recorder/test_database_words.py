"""What is told of a database that failed, judged by its own codes on real SQLite files, not by a message."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError
from django.db.backends.sqlite3.base import DatabaseWrapper

from recorder.errors import database_message, unusable_message


@pytest.fixture
def database(tmp_path: Path, django_db_blocker: Any) -> Iterator[DatabaseWrapper]:
    from django.db import connections

    settings = {**connections["default"].settings_dict, "NAME": str(tmp_path / "here.sqlite3")}
    made = DatabaseWrapper({**settings, "OPTIONS": {"timeout": 0.05}}, "here")
    made.inc_thread_sharing()
    with closing(sqlite3.connect(tmp_path / "here.sqlite3")) as first:
        first.execute("create table things (id integer primary key)")
    with django_db_blocker.unblock():  # this file, not the suite's
        yield made
        made.close()


def told(database: DatabaseWrapper, sql: str = "insert into things values (1)") -> str:
    with pytest.raises(DatabaseError) as raised, database.cursor() as cursor:
        cursor.execute(sql)
    return database_message(raised.value)


def test_a_lock_of_another_process_has_changed_nothing(database: DatabaseWrapper) -> None:
    with closing(sqlite3.connect(database.settings_dict["NAME"])) as other:
        other.execute("begin exclusive")
        assert "Nothing was changed: try again" in told(database)


def test_a_file_that_is_no_database_has_changed_nothing(database: DatabaseWrapper) -> None:
    Path(database.settings_dict["NAME"]).write_bytes(b"not a database " * 1000)
    assert "Nothing was changed" in told(database)


def test_words_in_a_message_do_not_decide(database: DatabaseWrapper) -> None:
    assert "may or may not have been saved" in told(database, "insert into locked values (1)")


def test_a_row_that_does_not_fit_is_not_a_database_to_be_rebuilt(database: DatabaseWrapper) -> None:
    with pytest.raises(DatabaseError) as raised, database.cursor() as cursor:
        cursor.execute("insert into things values (1)")
        cursor.execute("insert into things values (1)")
    assert "cannot be used" not in unusable_message(raised.value) and "row" in unusable_message(raised.value)
    other = Path(database.settings_dict["NAME"])
    other.write_bytes(b"not a database " * 1000)
    database.close()
    with pytest.raises(DatabaseError) as raised, database.cursor() as cursor:
        cursor.execute("insert into things values (2)")
    assert "cannot be used" in unusable_message(raised.value) and "rebuild" in unusable_message(raised.value)
