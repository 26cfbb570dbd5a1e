"""Remember what was read from the database for as long as nobody has changed anything in it.

SQLite says in microseconds whether a connection's database was changed by others (`PRAGMA data_version`) or by itself.
So an answer that rests on rows is exact at every moment, and is looked up again only after a change. Other databases
have nothing like it: there each answer is looked up each time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from cachetools import LRUCache
from django.db import connection

T = TypeVar("T")


class RememberedRows(threading.local):
    """Answers of one thread, whose connection says whether they still hold; the newest `most` are kept."""

    def __init__(self, most: int = 256) -> None:
        self._answers: LRUCache[Hashable, Any] = LRUCache(most)
        self._state: tuple[Any, ...] | None = None

    def get(self, key: Hashable, look_up: Callable[[], T]) -> T:
        """Return `look_up()`, or what it returned for `key` if the database is unchanged since. Keep no exception."""
        state = _state_of_database()
        if state is None:
            return look_up()
        if state != self._state:
            self._answers.clear()
            self._state = state
        if key in self._answers:
            known: T = self._answers[key]
            return known
        answer = look_up()  # later than `state`: a change in between is seen the next time
        if self._state == state:  # else a `get` within it saw a change, which may be later than what it read before
            self._answers[key] = answer
        return answer


def _state_of_database() -> tuple[Any, ...] | None:
    """Return what differs after any change in the database; None if that is unknown, as within a transaction."""
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        return None
    connection.ensure_connection()
    own: Any = connection.connection
    with connection.wrap_database_errors:
        ((version,),) = own.execute("PRAGMA data_version").fetchall()  # all, so that no statement stays open
    return own, version, own.total_changes
