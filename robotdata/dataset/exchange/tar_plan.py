"""The layout of a tar file before any byte of it is made: its size and every offset follow from names and sizes.

The same files always make the same bytes: entries are sorted and carry neither a time nor an owner. A tar holds no
checksum of contents, so no file is read before it is sent. Long names and sizes are stated as POSIX.1-2001 does.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Sequence

from robotdata.dataset.exchange.zip_plan import SentFile, etag_of, file_pieces

_BLOCK, _RECORD = tarfile.BLOCKSIZE, tarfile.RECORDSIZE


class TarPlan:
    """The tar file of `files`. `size` in bytes; `etag` changes with every file's content and name."""

    def __init__(self, files: Sequence[SentFile]) -> None:
        self.files = sorted(files, key=lambda file: file.name)
        self._offsets: list[int] = []
        at = 0
        for file in self.files:
            self._offsets.append(at)
            at += len(_header(file)) + _padded(file.size)
        self._end_at = at
        self.size = -(-(at + 2 * _BLOCK) // _RECORD) * _RECORD
        self.etag = etag_of(self.files, "tar")

    def pieces(self, first: int, end: int) -> Iterator[bytes]:
        """Yield bytes [first, end) of the tar file, at most PIECE_BYTES at a time.

        Raises ChangedMeanwhile if a file is not the one that was planned, and OSError.
        """
        for file, offset in zip(self.files, self._offsets, strict=True):
            header = _header(file)
            begins = offset + len(header)
            ends = begins + file.size
            if offset < end and first < begins:
                yield header[max(0, first - offset) : end - offset]
            if begins < end and first < ends:
                yield from file_pieces(file, max(0, first - begins), min(ends, end) - begins)
            yield from _zeros(ends, begins + _padded(file.size), first, end)
        yield from _zeros(self._end_at, self.size, first, end)


def _header(file: SentFile) -> bytes:
    entry = tarfile.TarInfo(file.name)
    entry.size, entry.mode = file.size, 0o644
    return entry.tobuf(tarfile.PAX_FORMAT)


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _zeros(begin: int, stop: int, first: int, end: int) -> Iterator[bytes]:
    """Yield what [first, end) has of the zeros [begin, stop)."""
    count = min(stop, end) - max(begin, first)
    if count > 0:
        yield bytes(count)
