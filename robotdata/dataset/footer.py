"""Read the sizes of column chunks from the footer of a Parquet file, without Arrow.

Arrow parses a chunk's metadata on first access, and a damaged chunk then terminates the process, because pyarrow calls
it where C++ exceptions cannot propagate. So the few numbers that are needed are read here. The footer is a struct in
Thrift's compact protocol (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md); the field
numbers are those of `parquet.thrift`.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from cachetools import LRUCache
from numpy.typing import NDArray

from robotdata.dataset.footer_patterns import COLUMN, REST_OF_GROUP

_TAIL = 8
_MAGIC = b"PAR1"
_MAX_BYTES = 512 << 20
_MAX_DEPTH = 16
_STOP, TRUE, FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 0, 1, 2, 3, 7, 8, 9, 10, 11, 12
_NUMBERS = frozenset({4, 5, 6})
_LONG = 6
_MAX_FIELD = (1 << 15) - 1
_WIDTHS = {_BYTE: 1, _DOUBLE: 8}
_SIZES = 5
"""Numbers that are read for each column: those of `ChunkSizes`."""
_FIELDS = {4: 5, 5: 6, 6: 6, 7: 6, 9: 6, 11: 6}
"""The fields of a column's metadata that are read, and the kind that each has."""
_MAX_KEPT = 1 << 21
"""Numbers of sizes that are kept, 8 bytes each: an edit reads the same few files several times."""


class BadFooter(ValueError):
    """The footer does not follow the Parquet format."""


@dataclass(frozen=True, slots=True)
class ChunkSizes:
    """The sizes of all columns of all row groups.

    `columns`: how many columns each row group has, int64 (groups,). `values` and `unpacked_bytes`: the number of values
    of each column of each group, one group after the other, and their size in bytes when decompressed, int64 (chunks,).
    `packed_bytes`, `begins`, `codecs`: their size and place in the file, and how they are compressed.
    As arrays, because a process that commits for days holds thousands of footers.
    """

    columns: NDArray[np.int64]
    values: NDArray[np.int64]
    unpacked_bytes: NDArray[np.int64]
    packed_bytes: NDArray[np.int64]
    begins: NDArray[np.int64]
    codecs: NDArray[np.int64]


_kept: LRUCache[bytes, ChunkSizes] = LRUCache(
    _MAX_KEPT, getsizeof=lambda sizes: 1 + len(sizes.columns) + _SIZES * len(sizes.values)
)
_lock = threading.Lock()
_footers: WeakKeyDictionary[pq.ParquetFile, bytes | ChunkSizes] = WeakKeyDictionary()
_sources: WeakKeyDictionary[pq.ParquetFile, pa.NativeFile] = WeakKeyDictionary()


def read_footer(fd: int) -> bytes:
    """Return the footer of the Parquet file that is open as `fd`; empty if the file has none."""
    size = os.fstat(fd).st_size
    tail = os.pread(fd, _TAIL, max(0, size - _TAIL))
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != _MAGIC or not 0 < length <= min(size - _TAIL, _MAX_BYTES):
        return b""
    return os.pread(fd, length, size - _TAIL - length)


def remember(file: pq.ParquetFile, footer: bytes, source: pa.NativeFile) -> None:
    """Keep the footer of an open file for `chunk_sizes`, and what it is read from, for the lifetime of the file."""
    _footers[file] = footer
    _sources[file] = source


def source_of(file: pq.ParquetFile) -> pa.NativeFile:
    """Return what an open file is read from."""
    return _sources[file]


def chunk_sizes(file: pq.ParquetFile) -> ChunkSizes:
    """Return the sizes of the columns of each row group, in the order of the schema. Raises BadFooter."""
    cached = _footers[file]
    if isinstance(cached, bytes):
        cached = _parse_once(cached)
        _footers[file] = cached
    return cached


def parse(footer: bytes) -> ChunkSizes:
    """Return the sizes in a footer. Raises BadFooter.

    The functions below take the data and a position, and return the next one: a footer of thousands of row groups has
    millions of bytes, and a method call for each takes seconds. Numbers are appended to `sizes`, five for each column.
    """
    columns: list[int] = []
    sizes: list[int] = []
    try:
        at = number = 0
        while head := footer[at]:
            number, at = field(footer, at, head, number)
            if number != 4:  # FileMetaData: row_groups
                at = skip(footer, at, head & 15, 0)
                continue
            size, at = _structs(footer, at, head & 15)
            for _ in range(size):
                before = len(sizes)
                at = _row_group(footer, at, sizes)
                columns.append((len(sizes) - before) // _SIZES)
        found = np.array(sizes, np.int64).reshape(-1, _SIZES)
    except IndexError as error:
        raise BadFooter("the footer ends in the middle of its metadata") from error
    except OverflowError as error:
        raise BadFooter("a number of more than 64 bits") from error
    return ChunkSizes(np.array(columns, np.int64), *(found[:, n].copy() for n in range(_SIZES)))


def _parse_once(footer: bytes) -> ChunkSizes:
    """Return the sizes in a footer, kept from the last time if they are. Raises BadFooter."""
    key = hashlib.blake2b(footer, digest_size=32).digest()
    with _lock:
        kept = _kept.get(key)
    if kept is not None:
        return kept
    sizes = parse(footer)
    with _lock:
        if _kept.getsizeof(sizes) <= _kept.maxsize:
            _kept[key] = sizes
    return sizes


def _row_group(data: bytes, at: int, sizes: list[int]) -> int:
    """Read a RowGroup (field 1: columns)."""
    number = 0
    while head := data[at]:
        number, at = field(data, at, head, number)
        if number != 1:
            at = skip(data, at, head & 15, 0)
            continue
        size, at = _structs(data, at, head & 15)
        for _ in range(size):
            usual = COLUMN.match(data, at)
            at = _column(data, at, sizes) if usual is None else _usual_column(data, usual, sizes)
        # Once, not at each field: a group of a million fields with an odd last one would be gone through as often.
        if usual_rest := REST_OF_GROUP.match(data, at):
            return usual_rest.end()
    return at + 1


def _usual_column(data: bytes, found: re.Match[bytes], sizes: list[int]) -> int:
    """Read a ColumnChunk that is built like most; the expression has found its numbers and its end."""
    numbers = []
    for coded in found.groups(b"\0"):
        value = coded[0] if len(coded) == 1 else varint(coded, 0)[0]
        numbers.append((value >> 1) ^ -(value & 1))
    codec, values, unpacked, packed, first, dictionary = numbers
    _add(sizes, values, unpacked, packed, first, dictionary, codec)
    return found.end()


def _column(data: bytes, at: int, sizes: list[int]) -> int:
    """Read a ColumnChunk (field 3: metadata; there, those in `_FIELDS`)."""
    found = dict.fromkeys(_FIELDS, -1)
    number = 0
    while head := data[at]:
        number, at = field(data, at, head, number)
        if number != 3:
            at = skip(data, at, head & 15, 0)
            continue
        if head & 15 != _STRUCT:
            raise BadFooter("a column's metadata is not a struct")
        inner = 0
        while head := data[at]:
            inner, at = field(data, at, head, inner)
            if inner not in _FIELDS:
                at = skip(data, at, head & 15, 1)
                continue
            if head & 15 != _FIELDS[inner]:  # Arrow skips another kind, and keeps the size that it has read before
                raise BadFooter("a size is not a number of the right kind")
            found[inner], at = integer(data, at)
        at += 1
    _add(sizes, found[5], found[6], found[7], found[9], found[11], found[4])
    return at + 1


def _add(sizes: list[int], values: int, unpacked: int, packed: int, first: int, dictionary: int, codec: int) -> None:
    """Add the numbers of a column to `sizes`. It begins where Arrow begins to read it."""
    if values < 0 or unpacked < 0 or packed < 0 or first < 0:
        raise BadFooter("a column has no size")
    sizes += (values, unpacked, packed, dictionary if 0 < dictionary < first else first, codec)


def _structs(data: bytes, at: int, kind: int) -> tuple[int, int]:
    """Read the head of a list of structs: its size, and where the first one begins."""
    if kind != _LIST:
        raise BadFooter("row groups or columns are not a list")
    size, element, at = _list_head(data, at)
    if element != _STRUCT:
        raise BadFooter("row groups or columns are not structs")
    return size, at


def field(data: bytes, at: int, head: int, before: int) -> tuple[int, int]:
    """Return the number of the field that begins with `head`, and where its value begins.

    A number of more than 16 bits is refused, because Arrow drops the others: it would read another field here.
    """
    number, at = (before + (head >> 4), at + 1) if head >> 4 else integer(data, at + 1)
    if not 0 <= number <= _MAX_FIELD:
        raise BadFooter("a field has a number of more than 16 bits")
    return number, at


def skip(data: bytes, at: int, kind: int, depth: int, *, within: bool = False) -> int:
    """Return the position behind a value of type `kind`. `within`: it is in a list or a map."""
    if kind in _NUMBERS:
        while data[at] > 127:
            at += 1
        return at + 1
    if kind == _BINARY:
        if data[at] < 128:
            return at + 1 + data[at]
        size, at = varint(data, at)
        return at + size
    if kind in (TRUE, FALSE):
        return at + 1 if within else at  # in a struct, the type is the value
    if kind in _WIDTHS:
        return at + _WIDTHS[kind]
    if depth > _MAX_DEPTH:
        raise BadFooter("structs within structs")
    if kind == _STRUCT:
        while head := data[at]:
            at = at + 1 if head > 15 else varint(data, at + 1)[1]
            at = skip(data, at, head & 15, depth + 1)
        return at + 1
    return _skip_many(data, at, kind, depth)


def _skip_many(data: bytes, at: int, kind: int, depth: int) -> int:
    """Return the position behind a list, a set or a map."""
    if kind in (_LIST, _SET):
        size, element, at = _list_head(data, at)
        if element in _NUMBERS:
            for _ in range(size):
                while data[at] > 127:
                    at += 1
                at += 1
            return at
        kinds = [element]
    elif kind == _MAP:
        size, at = varint(data, at)
        kinds = [data[at] >> 4, data[at] & 15] if size else []
        at += 1 if size else 0
    else:
        raise BadFooter(f"a value of the unknown kind {kind}")
    for _ in range(size):
        for each in kinds:
            if at >= len(data):
                raise IndexError
            at = skip(data, at, each, depth + 1, within=True)
    return at


def _list_head(data: bytes, at: int) -> tuple[int, int, int]:
    """Read the head of a list: its size, the type of its elements, and where the first one begins."""
    head = data[at]
    size, at = varint(data, at + 1) if head >> 4 == 15 else (head >> 4, at + 1)
    return size, head & 15, at


def integer(data: bytes, at: int) -> tuple[int, int]:
    """Read a zigzag-encoded integer."""
    coded, at = varint(data, at)
    return (coded >> 1) ^ -(coded & 1), at


def varint(data: bytes, at: int) -> tuple[int, int]:
    value, shift = data[at] & 127, 7
    while data[at] > 127:
        at += 1
        value |= (data[at] & 127) << shift
        shift += 7
        if shift > 70:
            raise BadFooter("a number of more than 64 bits")
    return value, at + 1
