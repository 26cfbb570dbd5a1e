"""The synchroniser: rows at a steady rate, each with the newest message of every stream at or before its time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from robotdata.imports.streams import Message, frame_ns


@dataclass(frozen=True, slots=True)
class Tick:
    """One row to be: its number, its time in ns, and the newest message of each stream at or before that time."""

    number: int
    time_ns: int
    newest: dict[str, Message]


def ticks_of(messages: Iterable[Message], *, first_ns: int, rows: int, fps: float) -> Iterator[Tick]:
    """Yield `rows` ticks, the first at `first_ns`. Only the newest message of each stream is kept in memory.

    Messages come in the order of their times; one that lies before its stream's last one is skipped. A dict of a
    tick is valid until the next.
    """
    newest: dict[str, Message] = {}
    number = 0
    for message in messages:
        while number < rows and first_ns + frame_ns(number, fps) < message.time_ns:
            yield Tick(number, first_ns + frame_ns(number, fps), newest)
            number += 1
        if number == rows:
            return
        before = newest.get(message.path)
        if before is None or before.time_ns <= message.time_ns:
            newest[message.path] = message
    for last in range(number, rows):
        yield Tick(last, first_ns + frame_ns(last, fps), newest)
