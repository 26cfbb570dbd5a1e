"""Report the progress of a long copy, and let it be cancelled between two files or pieces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from robotdata.dataset.exchange.errors import Cancelled

PIECE_BYTES = 1 << 20


@dataclass
class Watcher:
    """Counts the bytes of a copy. `report(done, total)` is called after each piece of at most PIECE_BYTES.

    `is_cancelled` is asked before each file and each piece.
    """

    report: Callable[[int, int], None] = lambda done, total: None
    is_cancelled: Callable[[], bool] = lambda: False
    total: int = 0
    done: int = 0

    def begin(self, total: int) -> None:
        """Begin to count up to `total` bytes. Raises Cancelled."""
        self.total, self.done = total, 0
        self.add(0)

    def check(self) -> None:
        """Raise Cancelled if it is: called before each file, because many files may have no bytes to count."""
        if self.is_cancelled():
            raise Cancelled("cancelled")

    def add(self, count: int) -> None:
        """Count `count` more bytes. Raises Cancelled."""
        self.check()
        self.done += count
        self.report(self.done, self.total)
