"""Read the sizes of column chunks from the footer of a Parquet file, without Arrow.

Arrow parses a chunk's metadata on first access, and a damaged chunk then terminates the process, because pyarrow calls
it where C++ exceptions cannot propagate. So the few numbers that are needed are read here. The footer is a struct in
Thrift's compact protocol (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md); the field
numbers are those of `parquet.thrift`.
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
_MAX_BYTES = 512 << 20
_MAX_DEPTH = 16
_STOP, _TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 0, 1, 2, 3, 7, 8, 9, 10, 11, 12
_NUMBERS = frozenset({4, 5, 6})
_Item = TypeVar("_Item")


class BadFooter(ValueError):
    """The footer does not follow the Parquet format."""


@dataclass(frozen=True, slots=True)
class ChunkSize:
    """One column of one row group: its number of values, and their size in bytes when decompressed."""

    values: int
    unpacked_bytes: int


Groups = list[list[ChunkSize]]
_footers: WeakKeyDictionary[pq.ParquetFile, bytes | Groups] = WeakKeyDictionary()


def read_footer(fd: int) -> bytes:
    """Return the footer of the Parquet file that is open as `fd`; empty if the file has none."""
    size = os.fstat(fd).st_size
    tail = os.pread(fd, _TAIL, max(0, size - _TAIL))
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != _MAGIC or not 0 < length <= min(size - _TAIL, _MAX_BYTES):
        return b""
    return os.pread(fd, length, size - _TAIL - length)


def remember(file: pq.ParquetFile, footer: bytes) -> None:
    """Keep the footer of an open file for `chunk_sizes`, for the lifetime of the file."""
    _footers[file] = footer


def chunk_sizes(file: pq.ParquetFile) -> Groups:
    """Return the sizes of the columns of each row group, in the order of the schema. Raises BadFooter."""
    cached = _footers[file]
    if isinstance(cached, bytes):
        cached = parse(cached)
        _footers[file] = cached
    return cached


def parse(footer: bytes) -> Groups:
    """Return the sizes in a footer. Raises BadFooter."""
    try:
        return _Reader(footer).groups()
    except (IndexError, OverflowError) as error:
        raise BadFooter("the footer ends in the middle of its metadata") from error


class _Reader:
    """Reads a footer once and skips the fields that are not needed."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def groups(self) -> Groups:
        """Return the column sizes of all row groups (FileMetaData, field 4)."""
        groups: Groups = []
        self._struct({4: lambda kind: groups.extend(self._each(kind, self._group))})
        return groups

    def _group(self) -> list[ChunkSize]:
        """Read a RowGroup (field 1: columns)."""
        columns: list[ChunkSize] = []
        self._struct({1: lambda kind: columns.extend(self._each(kind, self._column))})
        return columns

    def _column(self) -> ChunkSize:
        """Read a ColumnChunk (field 3: metadata; there, 5: values, 6: uncompressed bytes)."""
        sizes: dict[str, int] = {}

        def number(name: str) -> Callable[[int], None]:
            def read(kind: int) -> None:
                if kind not in _NUMBERS:
                    raise BadFooter("a size is not a number")
                sizes[name] = self._read_integer()

            return read

        fields = {5: number("values"), 6: number("unpacked")}

        def metadata(kind: int) -> None:
            if kind != _STRUCT:
                raise BadFooter("a column's metadata is not a struct")
            self._struct(fields)

        self._struct({3: metadata})
        if min(sizes.get("values", -1), sizes.get("unpacked", -1)) < 0:
            raise BadFooter("a column has no size")
        return ChunkSize(sizes["values"], sizes["unpacked"])

    def _each(self, kind: int, read: Callable[[], _Item]) -> list[_Item]:
        """Read a list of structs."""
        if kind != _LIST:
            raise BadFooter("row groups or columns are not a list")
        size, element = self._list_head()
        if element != _STRUCT:
            raise BadFooter("row groups or columns are not structs")
        return [read() for _ in range(size)]

    def _struct(self, fields: Mapping[int, Callable[[int], object]], depth: int = 0) -> None:
        """Read a struct: call the reader of each field in `fields`, skip the others."""
        if depth > _MAX_DEPTH:
            raise BadFooter("structs within structs")
        number = 0
        while (head := self._byte()) != _STOP:
            step, kind = head >> 4, head & 15
            number = number + step if step else self._read_integer()
            if read := fields.get(number):
                read(kind)
            else:
                self._skip(kind, depth)

    def _skip(self, kind: int, depth: int, *, within: bool = False) -> None:
        """Skip a value of type `kind`."""
        if kind in _NUMBERS:
            self._varint()
        elif kind == _BINARY:
            self._move(self._varint())
        elif kind in (_TRUE, _FALSE):
            self._move(1 if within else 0)  # in a struct, the type is the value
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
        """Read the head of a list: its size and the type of its elements."""
        head = self._byte()
        size = head >> 4
        return self._varint() if size == 15 else size, head & 15

    def _read_integer(self) -> int:
        """Read a zigzag-encoded integer."""
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
