"""Files as additions of a commit, whose reading is counted and stopped between two pieces."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from robotdata.dataset.exchange.contents import OwnFile
from robotdata.dataset.exchange.progress import Tally
from robotdata.dataset.hub.client import library
from robotdata.dataset.hub.errors import HubRefused


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
