"""Read and write `rows.arrow`: an Arrow IPC stream with one record batch per tick and a checksum in every message.

Any Arrow library can read the file. This module reads it without Arrow: `ipc` finds the values, and their checksums are
verified before arrays are made of them. So no damaged file can crash the process inside Arrow.
"""

from __future__ import annotations

import contextlib
import io
import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from robotdata.capture.actions import ACTION, REQUESTED_COLUMN
from robotdata.capture.records import Row
from robotdata.capture.texts import TEXT_BYTES, pack_text
from robotdata.files import open_own
from robotdata.spool.errors import DamagedHeader, SpoolError
from robotdata.spool.fast_rows import DIGITS, MESSAGE_CRC, as_array, layout_at, layout_of
from robotdata.spool.ipc import CONTINUATION, PREFIX, Field, Unreadable, head_size, parse_schema

FIXED = ("tick", "monotonic_ns", "wall_ns")
CAMERA_DTYPES = frozenset({"video", "image"})
DEFAULT_FEATURES = frozenset({"timestamp", "frame_index", "episode_index", "index", "task_index"})
"""LeRobot's own columns, which a dataset gets when the episode is added; a take has none of them."""
_DTYPES = ("float32", "float64", "float16", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_VERSION_KEY = b"robotdata_rows"
_VERSION = b"2"
_ROW_SEARCH_BYTES, _MOST_TRIES = 4 << 20, 64
_END = b"\xff\xff\xff\xff\0\0\0\0"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the rows: its name, element dtype and number of elements per row (None: a scalar).

    A `text` column holds uint8, the text's bytes as `pack_text` returns them.
    """

    name: str
    dtype: np.dtype[Any]
    size: int | None
    text: bool = False

    @property
    def arrow(self) -> pa.DataType:
        """Return the column's Arrow type."""
        kind = pa.from_numpy_dtype(self.dtype)
        return kind if self.size is None else pa.list_(kind, self.size)


def columns_of(
    features: Mapping[str, Mapping[str, Any]], cameras: Sequence[str], *, both_actions: bool = False
) -> list[Column]:
    """Return the columns of a take with these LeRobot features. Raises SpoolError for a dtype that rows cannot hold.

    With `both_actions`, REQUESTED_COLUMN of the same type follows `action`.
    """
    columns = [Column(name, np.dtype(np.int64), None) for name in FIXED]
    for name, feature in features.items():
        if feature["dtype"] in CAMERA_DTYPES or name in DEFAULT_FEATURES:
            continue
        if feature["dtype"] == "string":
            columns.append(Column(name, np.dtype(np.uint8), TEXT_BYTES, text=True))
            continue
        if feature["dtype"] not in (*_DTYPES, "bool"):
            raise SpoolError(f"feature {name!r} has dtype {feature['dtype']!r}: rows hold numbers and strings only")
        count = int(np.prod(feature["shape"], dtype=np.int64))
        scalar = tuple(feature["shape"]) in {(1,), ()}
        # A bool is stored as a byte: Arrow would pack it into a bit, and every value must have a place of its own.
        dtype = np.dtype("uint8" if feature["dtype"] == "bool" else feature["dtype"])
        columns.append(Column(name, dtype, None if scalar else count))
    if both_actions:
        place = [column.name for column in columns].index(ACTION)
        columns.insert(place + 1, replace(columns[place], name=REQUESTED_COLUMN))
    for key in cameras:
        columns += [Column(f"{key}/{part}", np.dtype(np.int64), None) for part in ("seq", "captured_ns")]
    return columns


def columns_of_take(manifest: Mapping[str, Any]) -> list[Column]:
    """Return the columns of the take with this `take.json`; one that names no `recorded_action` has the sent one only.

    Raises SpoolError for a dtype that rows cannot hold.
    """
    both_actions = "recorded_action" in manifest and ACTION in manifest["features"]
    return columns_of(manifest["features"], list(manifest["cameras"]), both_actions=both_actions)


class RowEncoder:
    """Encodes rows as the bytes of an Arrow stream: `header`, then `encode(row)` for each row, then `end()`.

    Arrow encodes one row of zeros as a template; each row is a copy of it with its own values and checksum. The
    checksum is seeded with that of the row before, so lost, repeated and moved rows are detected too.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = list(columns)
        schema = _schema(columns)
        self.header = _sealed_header(schema)
        self._template, body_size = _template_row(schema)
        layout = layout_of(self._template[: len(self._template) - body_size], _fields(columns))
        self._values = layout.values
        self._crc_at = layout.crc_at
        self._crc = 0

    def encode(self, row: Row) -> bytes:
        """Return the bytes of one row. Raises SpoolError if a value is missing or has the wrong number of elements."""
        data = bytearray(self._template)
        for column, part in zip(self._columns, self._values, strict=True):
            data[part] = self._value(row, column)
        self._crc = zlib.crc32(data, self._crc)
        data[self._crc_at : self._crc_at + DIGITS] = b"%08x" % self._crc
        return bytes(data)

    def end(self) -> bytes:
        """Return Arrow's end-of-stream marker."""
        return _END

    def _value(self, row: Row, column: Column) -> bytes:
        if column.name in FIXED:
            value: Any = getattr(row, column.name)
        elif column.name in row.values:
            value = row.values[column.name]
        else:
            key, _, part = column.name.rpartition("/")
            value = row.frames.get(key, (-1, 0))[part == "captured_ns"] if key else None
        if value is None:
            raise SpoolError(f"tick {row.tick} has no value for feature {column.name!r}")
        if column.text:
            try:
                return pack_text(value)
            except ValueError as error:
                raise SpoolError(f"tick {row.tick}: feature {column.name!r} got {error}") from error
        array = np.asarray(value, column.dtype).reshape(-1)
        if array.size != (column.size or 1):
            raise SpoolError(
                f"tick {row.tick}: feature {column.name!r} has {array.size} values, want {column.size or 1}"
            )
        return array.tobytes()


@dataclass(frozen=True, slots=True)
class StoredRows:
    """The valid rows of a file: the table, the end of each row in bytes (first that of the header), and `damaged`.

    `damaged` is the number of rows from the first incomplete or altered one on, estimated from the length of a row.
    """

    table: pa.Table
    ends: list[int]
    damaged: int

    @property
    def clean(self) -> bool:
        """Return whether nothing follows the last valid row."""
        return self.damaged == 0

    @property
    def end(self) -> int:
        """Return the end of the last valid row in bytes."""
        return self.ends[-1]


def read_rows(path: Path, columns: Sequence[Column] | None = None) -> StoredRows:
    """Read the rows up to the first incomplete or altered one.

    If the header is damaged, or has no checksum (version 1), the rows are read as `columns`, provided that they match.
    Raises DamagedHeader if the header is damaged and no row matches, UnsafeFile if `path` is a link.
    """
    expected = _fields(columns or ())
    with open_own(path) as source:
        try:
            fields, end, version = _header(source)
        except Unreadable as error:
            for version, header in _headers(columns) if columns else ():
                stored = _read(source, expected, len(header), version)
                if stored.table.num_rows:
                    return stored
            raise DamagedHeader(path, str(error)) from error
        if columns and version == 1 and fields != expected:
            stored = _read(source, expected, end, version)
            if stored.table.num_rows:
                return stored
        return _read(source, fields, end, version)


def repair_header(path: Path, columns: Sequence[Column]) -> bool:
    """Rewrite the header of a file of such rows if it is damaged or missing; return whether it was.

    A header with a valid checksum stays, even if it has other columns. One without a checksum (version 1) stays if it
    has these columns, or if more rows match the columns that it has.
    """
    expected = _fields(columns)
    with open_own(path, write=True) as file:
        try:
            fields, end, version = _header(file)
            if fields == expected or version > 1:
                return False
            matching_rows = _read(file, fields, end, version).table.num_rows
        except Unreadable:
            matching_rows = 0
        candidates = [
            (_read(file, expected, len(header), version).table.num_rows, header)
            for version, header in _headers(columns)
        ]
        rows, header = max(candidates, key=lambda candidate: candidate[0])
        if matching_rows > rows:
            return False
        file.seek(0)
        file.write(header)
        file.flush()
        os.fsync(file.fileno())
    return True


def to_numpy(column: Any) -> NDArray[np.generic]:
    """Return a column (pyarrow.ChunkedArray) as an array (rows,), or (rows, n) for fixed-size lists."""
    if pa.types.is_fixed_size_list(column.type):
        flat = column.combine_chunks().flatten()
        return np.asarray(flat.to_numpy(zero_copy_only=False)).reshape(-1, column.type.list_size)
    return np.asarray(column.to_numpy())


def _schema(columns: Sequence[Column] | tuple[Field, ...]) -> pa.Schema:
    kinds = [(column.name, pa.from_numpy_dtype(column.dtype), column.size) for column in columns]
    return pa.schema([(name, kind if size is None else pa.list_(kind, size)) for name, kind, size in kinds])


def _fields(columns: Sequence[Column]) -> tuple[Field, ...]:
    return tuple(Field(column.name, column.dtype, column.size) for column in columns)


def _sealed_header(schema: pa.Schema) -> bytes:
    """Return the header with its version and checksum."""
    metadata = {_VERSION_KEY: _VERSION, MESSAGE_CRC: b"0" * DIGITS}
    data = bytearray(schema.with_metadata(metadata).serialize().to_pybytes())
    at = parse_schema(bytes(data)).texts[MESSAGE_CRC].at
    data[at : at + DIGITS] = b"%08x" % zlib.crc32(data)
    return bytes(data)


def _headers(columns: Sequence[Column]) -> list[tuple[int, bytes]]:
    """Return the version and bytes of each header that a file with these columns may have."""
    schema = _schema(columns)
    return [(2, _sealed_header(schema)), (1, schema.serialize().to_pybytes())]


def _template_row(schema: pa.Schema) -> tuple[bytes, int]:
    """Return the message of one row of zeros, with zeros as its checksum, and the size of its body in bytes."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, schema) as stream:
        stream.write_batch(pa.RecordBatch.from_pylist([], schema=schema))  # makes Arrow write the stream's header
        start = sink.tell()
        zeros = [pa.array([0 if size is None else [0] * size], kind) for kind, size in _kinds(schema)]
        batch = pa.RecordBatch.from_arrays(zeros, schema=schema)
        stream.write_batch(batch, custom_metadata={MESSAGE_CRC: b"0" * DIGITS})
        data = sink.getvalue()[start:]
    return data, len(data) - head_size(data)


def _kinds(schema: pa.Schema) -> list[tuple[pa.DataType, int | None]]:
    return [(kind, kind.list_size if pa.types.is_fixed_size_list(kind) else None) for kind in schema.types]


def _header(source: BinaryIO) -> tuple[tuple[Field, ...], int, int]:
    """Return the fields of a file, the end of its header in bytes, and its version. Raises Unreadable."""
    source.seek(0)
    prefix = source.read(PREFIX)
    head = prefix + source.read(head_size(prefix) - PREFIX)
    schema = parse_schema(head)
    if any(Field(name, np.dtype(np.int64), None) not in schema.fields for name in FIXED):
        raise Unreadable("its header lacks the columns tick, monotonic_ns or wall_ns")
    version, crc = schema.texts.get(_VERSION_KEY), schema.texts.get(MESSAGE_CRC)
    if version is None and crc is None:
        if _is_version_2(source, schema.fields):
            raise Unreadable("its header has lost its checksum")
        return schema.fields, len(head), 1
    if version is None or crc is None or len(crc.value) != DIGITS:
        raise Unreadable("its header is damaged")
    zeroed = head[: crc.at] + b"0" * DIGITS + head[crc.at + DIGITS :]
    if crc.value != b"%08x" % zlib.crc32(zeroed):
        raise Unreadable("its header is damaged")
    if version.value != _VERSION:
        raise Unreadable(f"it has version {version.value!r:.40}, this program reads 1 and 2")
    return schema.fields, len(head), 2


def _is_version_2(source: BinaryIO, fields: tuple[Field, ...]) -> bool:
    """Return whether a row of version 2 is at the position of `source`."""
    try:
        return layout_at(source, fields).covers_message
    except Unreadable:
        return False


def _read(source: BinaryIO, fields: tuple[Field, ...], begin: int, version: int) -> StoredRows:
    """Read the valid rows of `fields` from the offset `begin` on."""
    schema = _schema(fields)
    ends, crc = [begin], 0
    batches: list[pa.RecordBatch] = []
    while True:
        source.seek(ends[-1])
        try:
            layout = layout_at(source, fields)
        except Unreadable:
            break
        ends_before = len(ends)
        if layout.covers_message == (version == 2):
            for values, last_crc in layout.read(source, crc):
                arrays = [as_array(field, data) for field, data in zip(fields, values, strict=True)]
                batches.append(pa.RecordBatch.from_arrays(arrays, schema=schema))
                end, crc = ends[-1], last_crc
                ends += [end + layout.size * (n + 1) for n in range(batches[-1].num_rows)]
        if len(ends) == ends_before:
            break
    table = pa.Table.from_batches(batches, schema).combine_chunks()
    source.seek(ends[-1])
    if source.read(len(_END) + 1) == _END:
        ends[-1] += len(_END)
    rest = os.fstat(source.fileno()).st_size - ends[-1]
    row_size = ends[1] - ends[0] if batches else _row_size(source, ends[0], fields)
    return StoredRows(table, ends, -(-max(0, rest) // max(1, row_size or rest)))  # rounded up


def _row_size(source: BinaryIO, begin: int, fields: tuple[Field, ...]) -> int:
    """Return the length of the first row at or soon after `begin`, even if its checksum fails; 0 if there is none."""
    source.seek(begin)
    data, at = source.read(_ROW_SEARCH_BYTES), 0
    for _ in range(_MOST_TRIES):
        at = data.find(CONTINUATION, at)
        if at < 0:
            break
        source.seek(begin + at)
        with contextlib.suppress(Unreadable):
            return layout_at(source, fields).size
        at += len(CONTINUATION)
    return 0
