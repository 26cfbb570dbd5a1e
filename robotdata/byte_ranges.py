"""Serve HTTP byte ranges (RFC 9110, section 14) of a file in pieces, so that the file is never all in memory."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

PIECE = 256 * 1024
"""Bytes read at a time."""
_ONE_RANGE = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes [first, end) of a file."""

    first: int
    end: int


class Unsatisfiable(ValueError):
    """The range begins beyond the end of the file (HTTP 416)."""


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """Return the requested range of a file of `size` bytes.

    Return None, which means the whole file, if there is no header, if it names several ranges, or if it is invalid (RFC
    9110 allows a server to ignore these). Raises Unsatisfiable if the range lies outside the file.
    """
    match = _ONE_RANGE.fullmatch(header or "")
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if first == "":  # the last n bytes
        byte_range = ByteRange(max(0, size - int(last)), size)
    else:
        if last and int(last) < int(first):
            return None
        byte_range = ByteRange(int(first), min(size, int(last) + 1) if last else size)
    if byte_range.first >= byte_range.end:
        raise Unsatisfiable(f"{header} is outside the file of {size} bytes")
    return byte_range


class FilePieces:
    """Asynchronous iterable of the bytes `span` of an open file. Each piece is read in a thread.

    `close` closes the file. This is a class because a generator that is never started does not reach its `finally`.
    """

    def __init__(self, fd: int, span: ByteRange) -> None:
        self._fd = fd
        self._span = span

    async def __aiter__(self) -> AsyncIterator[bytes]:
        at = self._span.first
        while at < self._span.end:
            piece = await asyncio.to_thread(os.pread, self._fd, min(PIECE, self._span.end - at), at)
            if not piece:  # the file was truncated meanwhile
                return
            at += len(piece)
            yield piece

    def close(self) -> None:
        """Close the file. Calling it twice is harmless."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
