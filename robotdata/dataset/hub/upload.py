"""Count what goes over the network while it goes, and stop it between two pieces."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from robotdata.dataset.exchange.errors import Cancelled
from robotdata.dataset.hub.client import library
from robotdata.dataset.hub.contents import OwnFile
from robotdata.dataset.hub.errors import HubRefused


@dataclass(frozen=True, slots=True)
class Step:
    """How far a push is: files and bytes of those that have to be sent."""

    files: int
    files_total: int
    bytes: int
    bytes_total: int


class Tally:
    """Counts the bytes of several uploads at once; a file that is sent again counts once."""

    def __init__(self, files: Sequence[OwnFile], stopped: threading.Event, sent: dict[str, int]) -> None:
        self.stopped, self._sent = stopped, sent
        self._sizes = {file.name: file.size for file in files}
        self._done: dict[str, int] = {}
        self._finished: set[str] = set()

    def at(self, name: str, position: int) -> None:
        """Note how far a file was read. Raises Cancelled."""
        if self.stopped.is_set():
            raise Cancelled("cancelled")
        self._sent[name] = self._sizes[name]
        self._done[name] = max(self._done.get(name, 0), min(position, self._sizes[name]))

    def finish(self, files: Sequence[OwnFile]) -> None:
        """Note that these files are there."""
        for file in files:
            self._done[file.name] = file.size
            self._finished.add(file.name)

    def step(self) -> Step:
        """Return how far it is."""
        done = sum(list(self._done.values()))
        return Step(len(self._finished), len(self._sizes), done, sum(self._sizes.values()))


class _Reading(io.FileIO):
    """A file that notes how far it was read."""

    def __init__(self, path: str, name: str, tally: Tally) -> None:
        super().__init__(path)
        self._about, self._tally = name, tally

    def read(self, size: int | None = -1, /) -> bytes:
        """Read at most `size` bytes. Raises Cancelled."""
        data = super().read(-1 if size is None else size)
        self._tally.at(self._about, self.tell())
        return data or b""


def counted_addition(file: OwnFile, tally: Tally) -> Any:
    """Return the file as an addition of a commit, whose reading is counted."""

    class Addition(library().CommitOperationAdd):  # type: ignore[misc]  # the package is loaded when it is needed
        """An addition whose reading is counted."""

        def check(self) -> None:
            """Raise ChangedMeanwhile or HubRefused if the file is not what was committed here."""
            file.check()
            if file.stored and self.upload_info.sha256.hex() != file.stored:
                raise HubRefused(
                    f"{file.sent.path} is damaged: it is not what was committed. Revert to an earlier revision, "
                    "or repair the dataset, then push again"
                )

        @contextmanager
        def as_file(self, with_tqdm: bool = False) -> Iterator[io.FileIO]:
            with _Reading(self.path_or_fileobj, file.name, tally) as opened:
                yield opened

    return Addition(file.name, str(file.sent.path))
