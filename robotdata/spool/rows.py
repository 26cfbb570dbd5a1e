"""`rows.arrow`: an Arrow IPC stream, one record batch a tick, each with a checksum of its values."""

from __future__ import annotations

import io
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from robotdata.capture.records import Row
from robotdata.spool.alike import layout_of
from robotdata.spool.errors import SpoolError
from robotdata.spool.texts import TEXT_BYTES, pack_text

FIXED = ("tick", "monotonic_ns", "wall_ns")
CAMERA_DTYPES = frozenset({"video", "image"})
GIVEN = frozenset({"timestamp", "frame_index", "episode_index", "index", "task_index"})
_DTYPES = ("float32", "float64", "float16", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_CRC = b"crc32"
_METADATA_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the rows: its name, element type and number of elements (None: a scalar).

    A `text` is stored as its bytes.
    """

    name: str
    dtype: np.dtype[Any]
    size: int | None
    text: bool = False

    @property
    def arrow(self) -> pa.DataType:
        kind = pa.from_numpy_dtype(self.dtype)
        return kind if self.size is None else pa.list_(kind, self.size)


def columns_of(features: Mapping[str, Mapping[str, Any]], cameras: Sequence[str]) -> list[Column]:
    """The columns of a take with these LeRobot features; raises SpoolError at one that rows cannot hold."""
    columns = [Column(name, np.dtype(np.int64), None) for name in FIXED]
    for name, feature in features.items():
        if feature["dtype"] in CAMERA_DTYPES or name in GIVEN:
            continue
        if feature["dtype"] == "string":
            columns.append(Column(name, np.dtype(np.uint8), TEXT_BYTES, text=True))
            continue
        if feature["dtype"] not in (*_DTYPES, "bool"):
            raise SpoolError(f"feature {name!r} has dtype {feature['dtype']!r}: rows hold numbers and strings only")
        count = int(np.prod(feature["shape"], dtype=np.int64))
        scalar = tuple(feature["shape"]) in {(1,), ()}
        # Booleans are stored as bytes: Arrow packs them to bits, and a row is one element.
        dtype = np.dtype("uint8" if feature["dtype"] == "bool" else feature["dtype"])
        columns.append(Column(name, dtype, None if scalar else count))
    for key in cameras:
        columns += [Column(f"{key}/{part}", np.dtype(np.int64), None) for part in ("seq", "captured_ns")]
    return columns


class RowEncoder:
    """Turns rows into the bytes of an Arrow stream: `header`, then one piece a row, then `end`."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = list(columns)
        self.schema = pa.schema([(column.name, column.arrow) for column in columns])
        self._sink = io.BytesIO()
        self._stream = pa.ipc.new_stream(self._sink, self.schema)
        self.header = self.schema.serialize().to_pybytes()
        # Arrow writes the header with the first batch only: ours must be on disk before there is a row.
        self._stream.write_batch(pa.RecordBatch.from_pylist([], schema=self.schema))
        self._taken()

    def encode(self, row: Row) -> bytes:
        """The bytes of one row; raises SpoolError where a value is missing or has another length."""
        arrays, crc = [], 0
        for column in self._columns:
            data = self._value(row, column)
            crc = zlib.crc32(data, crc)
            arrays.append(_array(column, data))
        batch = pa.RecordBatch.from_arrays(arrays, schema=self.schema)
        self._stream.write_batch(batch, custom_metadata={_CRC: b"%08x" % crc})
        return self._taken()

    def end(self) -> bytes:
        self._stream.close()
        return self._taken()

    def _taken(self) -> bytes:
        data = self._sink.getvalue()
        self._sink.seek(0)
        self._sink.truncate()
        return data

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
            return pack_text(value, column.name)
        array = np.asarray(value, column.dtype).reshape(-1)
        if array.size != (column.size or 1):
            raise SpoolError(
                f"tick {row.tick}: feature {column.name!r} has {array.size} values, want {column.size or 1}"
            )
        return array.tobytes()


@dataclass(frozen=True, slots=True)
class StoredRows:
    """The whole rows of a file: the table, where each row ends (bytes), and whether the file ends there too."""

    table: pa.Table
    ends: list[int]
    clean: bool

    @property
    def end(self) -> int:
        return self.ends[-1]


def read_rows(path: Path) -> StoredRows:
    """Every whole row up to the first torn or altered one; `ends[0]` is the end of the stream's header.

    Raises SpoolError where the file does not begin as an Arrow stream.
    """
    size = path.stat().st_size
    with pa.OSFile(str(path), "rb") as source:
        try:
            reader = pa.ipc.open_stream(source)
        except (pa.ArrowInvalid, OSError) as error:
            raise SpoolError(f"{path.parent.name}/{path.name} is no Arrow stream: {error}") from error
        batches: list[pa.RecordBatch] = []
        ends = [source.tell()]
        while _plausible(source, ends[-1], size):
            try:
                batch, metadata = reader.read_next_batch_with_custom_metadata()
            except (StopIteration, pa.ArrowInvalid, OSError):
                break
            if not _unaltered(batch, metadata):
                break
            batches.append(batch)
            ends.append(source.tell())
            if len(batches) == 1:
                batches += _rows_alike(source, reader.schema, ends, size, metadata[_CRC])
                source.seek(ends[-1])
        table = pa.Table.from_batches(batches, reader.schema).combine_chunks()
    with path.open("rb") as file:
        file.seek(ends[-1])
        if file.read(9) == b"\xff\xff\xff\xff\0\0\0\0":
            ends[-1] += 8
    return StoredRows(table, ends, ends[-1] == size)


def _rows_alike(
    source: pa.NativeFile, schema: pa.Schema, ends: list[int], size: int, crc: bytes
) -> list[pa.RecordBatch]:
    """The rows behind the first one as far as they are like it, within `size` bytes; their ends go into `ends`."""
    begin, end = ends
    source.seek(begin)
    layout = layout_of(source.read(end - begin), crc, schema)
    if layout is None:
        return []
    found = list(layout.read(source, size))
    count = sum(batch.num_rows for batch in found)
    ends += (end + layout.size * (n + 1) for n in range(count))
    return found


def to_numpy(column: Any) -> NDArray[np.generic]:
    """A column (pyarrow.ChunkedArray) as (rows,) or, for lists, (rows, n)."""
    if pa.types.is_fixed_size_list(column.type):
        flat = column.combine_chunks().flatten()
        return np.asarray(flat.to_numpy(zero_copy_only=False)).reshape(-1, column.type.list_size)
    return np.asarray(column.to_numpy())


def _array(column: Column, data: bytes) -> Any:
    kind = pa.from_numpy_dtype(column.dtype)
    flat = pa.Array.from_buffers(kind, column.size or 1, [None, pa.py_buffer(data)])
    return flat if column.size is None else pa.FixedSizeListArray.from_arrays(flat, column.size)


def _plausible(source: pa.NativeFile, at: int, size: int) -> bool:
    """Whether a message may begin here: Arrow would believe any length that a torn file claims."""
    head = source.read(8)
    source.seek(at)
    length = int.from_bytes(head[4:], "little")
    return len(head) == 8 and head[:4] == b"\xff" * 4 and 0 < length <= min(_METADATA_LIMIT, size - at - 8)


def _unaltered(batch: pa.RecordBatch, metadata: Mapping[bytes, bytes] | None) -> bool:
    if metadata is None or _CRC not in metadata or batch.num_rows != 1:
        return False
    crc = 0
    for column in batch.columns:
        array: Any = column
        flat = array.flatten() if pa.types.is_fixed_size_list(array.type) else array
        if array.null_count or flat.null_count:  # rows have no gaps: its header was altered
            return False
        crc = zlib.crc32(memoryview(flat.buffers()[1])[: len(flat) * flat.type.byte_width], crc)
    return metadata[_CRC] == b"%08x" % crc
