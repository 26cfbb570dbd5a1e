"""The unfinished file of a fetch: it continues where an earlier run ended, and never grows beyond its stated size."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from robotdata.dataset.exchange.watcher import Watcher


class PartFile:
    """The first `at` of `size` bytes. The watcher counts what is added, and what is dropped."""

    def __init__(self, file: BinaryIO, size: int, watcher: Watcher) -> None:
        self.at, self.size = file.seek(0, os.SEEK_END), size
        self._file, self._watcher = file, watcher
        self.has_changed = False
        if self.at > size:
            self.restart()

    @property
    def is_complete(self) -> bool:
        """Return whether it has all of its bytes."""
        return self.at == self.size

    @property
    def range(self) -> dict[str, str]:
        """Return the HTTP header that asks for the rest; empty if all of it is missing."""
        return {"Range": f"bytes={self.at}-"} if self.at else {}

    def restart(self) -> None:
        """Drop what it has: it is too long, or the server begins at the first byte."""
        self._file.truncate(0)
        self._watcher.add(-self.at)
        self.at, self.has_changed = 0, True

    def extend(self, pieces: Iterable[bytes]) -> bool:
        """Append these bytes; return False at a piece that would make it longer than `size`. Raises OSError."""
        for piece in pieces:
            if self.at + len(piece) > self.size:
                return False
            self._file.write(piece)
            self._watcher.add(len(piece))
            self.at += len(piece)
            self.has_changed = True
        return True


@contextmanager
def open_part(path: Path, size: int, watcher: Watcher) -> Iterator[PartFile]:
    """Open the part in `path` of a file of `size` bytes, and make what was added durable. Raises OSError."""
    with path.open("ab") as file:
        part = PartFile(file, size, watcher)
        yield part
        if part.has_changed:
            file.flush()
            os.fsync(file.fileno())
