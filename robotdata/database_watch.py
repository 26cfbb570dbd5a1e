"""Ask on the event loop, without a wait, whether anything in the database has changed."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Hashable
from typing import Any
from urllib.parse import quote

from django.db import connection

_REOPEN_S = 300.0
"""As old as the connections of other threads get. One that stays open would not see that its file was replaced."""


class DatabaseWatch:
    """A connection of its own to the SQLite database, which only asks for its version. Use it in one thread at a time.

    It never writes, so any change is one by others, which `PRAGMA data_version` tells from the memory that SQLite's
    connections share. Where it would have to wait for a lock, it does not know.
    """

    def __init__(self) -> None:
        self._open: sqlite3.Connection | None = None
        self._opened_at = 0.0

    def state(self) -> Hashable:
        """Return what differs after any change in the database; None if that is unknown, as on PostgreSQL."""
        now = time.monotonic()
        try:
            if self._open is None or now - self._opened_at > _REOPEN_S:
                self.close()
                self._open, self._opened_at = _connect(), now
            if self._open is None:
                return None
            ((version,),) = self._open.execute("PRAGMA data_version").fetchall()
        except sqlite3.Error:  # locked or not there: whoever answers instead says so
            self.close()
            return None
        return self._opened_at, version

    def close(self) -> None:
        """Close the connection; the next `state` opens another."""
        if self._open is not None:
            self._open.close()
            self._open = None


def _connect() -> sqlite3.Connection | None:
    if connection.vendor != "sqlite":
        return None
    name: Any = connection.settings_dict["NAME"]
    address = f"file:{quote(str(name))}?mode=ro"
    return sqlite3.connect(address, timeout=0, isolation_level=None, uri=True, check_same_thread=False)
