"""Parse the two kinds of Arrow IPC message in rows.arrow, schema and record batch, without Arrow.

Arrow trusts the lengths in a message, and crashes on some invalid ones. A take's file may hold any bytes, so Arrow
never reads it. Here every offset is checked against the message before it is used. The formats are those of
https://arrow.apache.org/docs/format/Columnar.html and https://flatbuffers.dev/internals/.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

CONTINUATION = b"\xff\xff\xff\xff"
PREFIX = 8
"""Bytes before a message's head: the continuation marker and the length of the head."""

MOST_HEAD = 1 << 20
MOST_BODY = 64 << 20
_MOST_FIELDS, _MOST_TEXTS = 4096, 64
_SCHEMA, _RECORD_BATCH = 1, 3
_INT, _FLOAT, _FIXED_SIZE_LIST = 2, 3, 16
_FLOATS = {0: "float16", 1: "float32", 2: "float64"}


class Unreadable(ValueError):
    """These bytes are not a message that the spool writes; the text says which part is wrong."""


@dataclass(frozen=True, slots=True)
class Field:
    """One column: its name, the dtype of its elements, and the number of elements per row (None: a scalar)."""

    name: str
    dtype: np.dtype[np.generic]
    size: int | None

    @property
    def width(self) -> int:
        """Return the bytes of one row."""
        return self.dtype.itemsize * (1 if self.size is None else self.size)


@dataclass(frozen=True, slots=True)
class Text:
    """The value of one key of a message's metadata, and its offset in the message in bytes."""

    value: bytes
    at: int


@dataclass(frozen=True, slots=True)
class SchemaMessage:
    """The schema of a stream: its columns and metadata; `size` is that of the whole message in bytes."""

    fields: tuple[Field, ...]
    texts: Mapping[bytes, Text]
    size: int


@dataclass(frozen=True, slots=True)
class RowMessage:
    """A record batch of one row. `values` holds the (begin, end) of each column, `body` the start of all, in bytes."""

    values: tuple[tuple[int, int], ...]
    texts: Mapping[bytes, Text]
    body: int
    size: int


def head_size(data: bytes) -> int:
    """Return the length in bytes of a message's prefix and head, from its first 8 bytes. Raises Unreadable."""
    if len(data) < PREFIX or data[:4] != CONTINUATION:
        raise Unreadable("no message begins here")
    length = int.from_bytes(data[4:PREFIX], "little")
    if not 0 < length <= MOST_HEAD:
        raise Unreadable(f"a head of {length} bytes")
    return PREFIX + length


def parse_schema(head: bytes) -> SchemaMessage:
    """Parse the first message of a stream, a schema, which consists of `head` alone. Raises Unreadable."""
    message = _message(head, _SCHEMA)
    schema = message.table(2)
    fields = tuple(_field(table) for table in schema.tables(1, _MOST_FIELDS))
    if not fields or len({field.name for field in fields}) != len(fields):
        raise Unreadable("no columns, or two of one name")
    return SchemaMessage(fields, _texts(schema, 2), len(head))


def parse_row(head: bytes, fields: tuple[Field, ...]) -> RowMessage:
    """Parse the head of a record batch. Raises Unreadable unless it holds one row of `fields` without null values."""
    message = _message(head, _RECORD_BATCH)
    body, length = len(head), message.int64(3)
    if not sum(field.width for field in fields) <= length <= MOST_BODY:
        raise Unreadable(f"a body of {length} bytes")
    batch = message.table(2)
    if batch.int64(0) != 1 or batch.offset(3):
        raise Unreadable("not a batch of one uncompressed row")
    buffers = batch.pairs(2)
    if len(buffers) != sum(2 if field.size is None else 3 for field in fields):
        raise Unreadable("another number of columns than its schema has")
    values, first = [], 0
    for field in fields:
        count = 2 if field.size is None else 3  # validity bitmaps, then the values
        begin, size = buffers[first + count - 1]
        if any(validity for _, validity in buffers[first : first + count - 1]) or size < field.width:
            raise Unreadable(f"column {field.name!r} has null values or is too short")
        if not 0 <= begin <= length - field.width:
            raise Unreadable(f"column {field.name!r} lies outside its row")
        values.append((body + begin, body + begin + field.width))
        first += count
    return RowMessage(tuple(values), _texts(message, 4), body, body + length)


class _Table:
    """A flatbuffers table: its vtable holds the offset of each field, by number."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at
        self._vtable = at - self._read("<i", at)
        self._vtable_size = self._read("<H", self._vtable)

    def offset(self, number: int) -> int:
        """Return the offset of field `number` in the data; 0 if the table lacks it."""
        entry = 4 + 2 * number
        offset = self._read("<H", self._vtable + entry) if entry + 2 <= self._vtable_size else 0
        return self._at + offset if offset else 0

    def int64(self, number: int) -> int:
        return self._number("<q", number)

    def int32(self, number: int) -> int:
        return self._number("<i", number)

    def int16(self, number: int) -> int:
        return self._number("<h", number)

    def byte(self, number: int) -> int:
        return self._number("<B", number)

    def table(self, number: int) -> _Table:
        return _Table(self._data, self._follow(self._required(number)))

    def tables(self, number: int, most: int) -> Iterator[_Table]:
        begin, count = self._vector(number, 4, most)
        for at in range(begin, begin + 4 * count, 4):
            yield _Table(self._data, self._follow(at))

    def pairs(self, number: int) -> list[tuple[int, int]]:
        """Return a vector of structs with two int64 each."""
        begin, count = self._vector(number, 16, 3 * _MOST_FIELDS)
        return list(struct.iter_unpack("<qq", self._data[begin : begin + 16 * count]))

    def text(self, number: int) -> Text:
        begin, count = self._vector(number, 1, len(self._data))
        return Text(self._data[begin : begin + count], begin)

    def _number(self, form: str, number: int) -> int:
        at = self.offset(number)
        return self._read(form, at) if at else 0

    def _required(self, number: int) -> int:
        at = self.offset(number)
        if not at:
            raise Unreadable("a part is missing")
        return at

    def _vector(self, number: int, width: int, most: int) -> tuple[int, int]:
        at = self.offset(number)
        if not at:
            return 0, 0
        begin = self._follow(at)
        count = self._read("<I", begin)
        if count > most or begin + 4 + width * count > len(self._data):
            raise Unreadable(f"a list of {count}")
        return begin + 4, count

    def _follow(self, at: int) -> int:
        return at + self._read("<I", at)

    def _read(self, form: str, at: int) -> int:
        if at < 0:  # a negative offset would count from the end
            raise Unreadable("an offset before the message")
        try:
            return int(struct.unpack_from(form, self._data, at)[0])
        except struct.error:
            raise Unreadable("an offset after the message") from None


def _message(head: bytes, kind: int) -> _Table:
    if head_size(head) != len(head):
        raise Unreadable("an incomplete head")
    message = _Table(head, PREFIX + int.from_bytes(head[PREFIX : PREFIX + 4], "little"))
    if message.byte(1) != kind:
        raise Unreadable("another kind of message")
    return message


def _field(table: _Table) -> Field:
    try:
        name = table.text(0).value.decode("utf-8")
    except UnicodeDecodeError:
        raise Unreadable("a column's name is not UTF-8") from None
    if table.offset(4):
        raise Unreadable(f"column {name!r} has a type that the spool does not write")
    if table.byte(2) != _FIXED_SIZE_LIST:
        return Field(name, _dtype(table, name), None)
    size = table.table(3).int32(0)
    inside = list(table.tables(5, 1))
    if size <= 0 or len(inside) != 1:
        raise Unreadable(f"column {name!r} is a list of {size}")
    return Field(name, _dtype(inside[0], name), size)


def _dtype(table: _Table, name: str) -> np.dtype[np.generic]:
    kind = table.byte(2)
    if kind == _INT and table.table(3).int32(0) in {8, 16, 32, 64}:
        signed = "int" if table.table(3).byte(1) else "uint"
        return np.dtype(f"{signed}{table.table(3).int32(0)}")
    if kind == _FLOAT and table.table(3).int16(0) in _FLOATS:
        return np.dtype(_FLOATS[table.table(3).int16(0)])
    raise Unreadable(f"column {name!r} is of a kind that no row has")


def _texts(table: _Table, number: int) -> dict[bytes, Text]:
    return {each.text(0).value: each.text(1) for each in table.tables(number, _MOST_TEXTS)}
