"""Real encoders that wait where a test wants to meet them, however quick the machine is.

A home whose processes run with `tests.support.held_settings` is asked before its workers start; what they do while they
wait (leases, heartbeats, the sweep, which only comes more often) is the product's own.
"""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

SETTINGS = "tests.support.held_settings"


def hold(home: Path, stage: str, least: int = 100) -> None:
    """Who encodes a take of so many frames waits: `begin` after the first one, `half` way, or at the `end`, where
    every frame is in the file and it is not yet decoded and counted."""
    asked = home / "hold.part"
    asked.write_text(f"{stage} {least}")
    asked.rename(home / "hold")  # from one stage to the next without a gap


def release(home: Path) -> None:
    (home / "hold").unlink()


def let_sleep(home: Path, send: Callable[[signal.Signals], None]) -> None:
    """SIGSTOP, but not between two words to the database: who sleeps there keeps all others from writing."""
    while True:
        send(signal.SIGSTOP)
        with (
            closing(sqlite3.connect(home / ".state/robotdata.sqlite3", timeout=3)) as database,
            suppress(sqlite3.OperationalError),
        ):
            database.execute("begin immediate")
            database.rollback()
            return
        send(signal.SIGCONT)
        time.sleep(0.1)
