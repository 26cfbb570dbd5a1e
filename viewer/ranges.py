"""HTTP byte ranges (RFC 9110, section 14) for one file, given away in pieces that are never all in memory."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

PIECE = 256 * 1024
_ONE_RANGE = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes [first, end)."""

    first: int
    end: int


class Unsatisfiable(ValueError):
    """A range that begins beyond the file's end."""


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """The one range that is asked, None for the whole file: no header, several ranges, or one that is no range.

    Raises Unsatisfiable where it lies outside `size` bytes.
    """
    match = _ONE_RANGE.fullmatch(header or "")
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if first == "":  # the last n bytes
        found = ByteRange(max(0, size - int(last)), size)
    else:
        if last and int(last) < int(first):
            return None
        found = ByteRange(int(first), min(size, int(last) + 1) if last else size)
    if found.first >= found.end:
        raise Unsatisfiable(f"bytes {header} of a file of {size} bytes")
    return found


class FilePieces:
    """The bytes `span` of an open file, PIECE by PIECE, read in threads; `close` closes the file.

    A class, not a generator: one that was never begun would never reach its `finally`.
    """

    def __init__(self, fd: int, span: ByteRange) -> None:
        self._fd = fd
        self._span = span

    async def __aiter__(self) -> AsyncIterator[bytes]:
        at = self._span.first
        while at < self._span.end:
            piece = await asyncio.to_thread(os.pread, self._fd, min(PIECE, self._span.end - at), at)
            if not piece:  # cut off meanwhile
                return
            at += len(piece)
            yield piece

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
