"""The sizes that a Parquet file's footer claims for its column chunks, read without Arrow.

Arrow parses a chunk's metadata when it is first asked for, and ends the process where that is damaged: pyarrow calls it
where no exception of C++ may pass. So the few numbers that are needed are read here. The footer is a struct in Thrift's
compact protocol (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md); the field numbers
are those of `parquet.thrift`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar
from weakref import WeakKeyDictionary

import pyarrow.parquet as pq

_TAIL = 8
_MAGIC = b"PAR1"
_MOST_BYTES = 512 << 20
_DEEPEST = 16
_STOP, _TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 0, 1, 2, 3, 7, 8, 9, 10, 11, 12
_NUMBERS = frozenset({4, 5, 6})
_Made = TypeVar("_Made")


class BadFooter(ValueError):
    """The footer is not what Parquet's format says."""


@dataclass(frozen=True, slots=True)
class ChunkSize:
    """One column of one row group: how many values it claims, and how many bytes they take when unpacked."""

    values: int
    unpacked_bytes: int


Groups = list[list[ChunkSize]]
_footers: WeakKeyDictionary[pq.ParquetFile, bytes | Groups] = WeakKeyDictionary()


def read_footer(fd: int) -> bytes:
    """Return the footer of the Parquet file that is open as `fd`; empty if the file has none."""
    size = os.fstat(fd).st_size
    tail = os.pread(fd, _TAIL, max(0, size - _TAIL))
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != _MAGIC or not 0 < length <= min(size - _TAIL, _MOST_BYTES):
        return b""
    return os.pread(fd, length, size - _TAIL - length)


def remember(file: pq.ParquetFile, footer: bytes) -> None:
    """Keep the footer of an open file for `chunk_sizes`, as long as the file is there."""
    _footers[file] = footer


def chunk_sizes(file: pq.ParquetFile) -> Groups:
    """Return for each row group the sizes of its columns, in the schema's order. Raises BadFooter."""
    kept = _footers[file]
    if isinstance(kept, bytes):
        kept = parse(kept)
        _footers[file] = kept
    return kept


def parse(footer: bytes) -> Groups:
    """Read the sizes out of a footer; raises BadFooter."""
    try:
        return _Reader(footer).groups()
    except (IndexError, OverflowError) as error:
        raise BadFooter("the footer ends in the middle of its metadata") from error


class _Reader:
    """Walks over a footer once; what is not asked for is skipped."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def groups(self) -> Groups:
        made: Groups = []
        self._struct({4: lambda kind: made.extend(self._each(kind, self._group))})
        return made

    def _group(self) -> list[ChunkSize]:
        columns: list[ChunkSize] = []
        self._struct({1: lambda kind: columns.extend(self._each(kind, self._column))})
        return columns

    def _column(self) -> ChunkSize:
        found: dict[str, int] = {}

        def number(name: str) -> Callable[[int], None]:
            def read(kind: int) -> None:
                if kind not in _NUMBERS:
                    raise BadFooter("a size is not a number")
                found[name] = self._number()

            return read

        wanted = {5: number("values"), 6: number("unpacked")}

        def metadata(kind: int) -> None:
            if kind != _STRUCT:
                raise BadFooter("a column's metadata is not a struct")
            self._struct(wanted)

        self._struct({3: metadata})
        if min(found.get("values", -1), found.get("unpacked", -1)) < 0:
            raise BadFooter("a column has no size")
        return ChunkSize(found["values"], found["unpacked"])

    def _each(self, kind: int, read: Callable[[], _Made]) -> list[_Made]:
        if kind != _LIST:
            raise BadFooter("row groups or columns are not a list")
        size, element = self._list_head()
        if element != _STRUCT:
            raise BadFooter("row groups or columns are not structs")
        return [read() for _ in range(size)]

    def _struct(self, wanted: Mapping[int, Callable[[int], object]], depth: int = 0) -> None:
        if depth > _DEEPEST:
            raise BadFooter("structs within structs")
        number = 0
        while (head := self._byte()) != _STOP:
            step, kind = head >> 4, head & 15
            number = number + step if step else self._number()
            if read := wanted.get(number):
                read(kind)
            else:
                self._skip(kind, depth)

    def _skip(self, kind: int, depth: int, *, within: bool = False) -> None:
        if kind in _NUMBERS:
            self._varint()
        elif kind == _BINARY:
            self._move(self._varint())
        elif kind in (_TRUE, _FALSE):
            self._move(1 if within else 0)  # in a struct the kind is the value
        elif kind == _BYTE:
            self._move(1)
        elif kind == _DOUBLE:
            self._move(8)
        elif kind in (_LIST, _SET):
            size, element = self._list_head()
            for _ in range(size):
                self._skip(element, depth + 1, within=True)
        elif kind == _STRUCT:
            self._struct({}, depth + 1)
        elif kind == _MAP:
            self._skip_map(depth)
        else:
            raise BadFooter(f"a value of the unknown kind {kind}")

    def _skip_map(self, depth: int) -> None:
        size = self._varint()
        kinds = self._byte() if size else 0
        for _ in range(size):
            self._skip(kinds >> 4, depth + 1, within=True)
            self._skip(kinds & 15, depth + 1, within=True)

    def _list_head(self) -> tuple[int, int]:
        head = self._byte()
        size = head >> 4
        return self._varint() if size == 15 else size, head & 15

    def _number(self) -> int:
        coded = self._varint()
        return (coded >> 1) ^ -(coded & 1)

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > 63:
                raise BadFooter("a number of more than 64 bits")

    def _byte(self) -> int:
        byte = self._data[self._at]
        self._at += 1
        return byte

    def _move(self, count: int) -> None:
        self._at += count
        if self._at > len(self._data):
            raise IndexError
