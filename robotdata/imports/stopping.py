"""Stop reading a file of another recorder: its readers ask here between the parts of it that they read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Event

_asked: ContextVar[Event | None] = ContextVar("stop of reading", default=None)


class Stopped(BaseException):
    """Nobody wants any more what is being read. No `Exception`: a reader takes those for damage in its file."""


@contextmanager
def stopped_by(stop: Event) -> Iterator[None]:
    """Have `check_stop` in this thread raise Stopped as soon as `stop` is set."""
    token = _asked.set(stop)
    try:
        yield
    finally:
        _asked.reset(token)


def check_stop() -> None:
    """Raise Stopped if the reading is to stop."""
    stop = _asked.get()
    if stop is not None and stop.is_set():
        raise Stopped
