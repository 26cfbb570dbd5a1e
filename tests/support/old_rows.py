"""Rows as takes before version 2 have them: written by Arrow, with a checksum of the values alone."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa

from robotdata.capture.records import Row
from robotdata.spool.rows import FIXED, Column


def old_rows(columns: Sequence[Column], rows: Iterable[Row], notes: Mapping[int, bytes] | None = None) -> list[bytes]:
    """The messages of a file: its header, one a row, and the mark at its end. `notes`: more metadata of some rows."""
    schema = pa.schema([(column.name, column.arrow) for column in columns])
    sink = io.BytesIO()
    pieces = [schema.serialize().to_pybytes()]
    with pa.ipc.new_stream(sink, schema) as stream:
        stream.write_batch(pa.RecordBatch.from_pylist([], schema=schema))
        for number, row in enumerate(rows):
            begin = sink.tell()
            values = [_value(row, column) for column in columns]
            crc = zlib.crc32(b"".join(value.tobytes() for value in values))
            batch = pa.RecordBatch.from_arrays(list(map(_array, columns, values)), schema=schema)
            note = (notes or {}).get(number)
            stream.write_batch(batch, custom_metadata={**({b"note": note} if note else {}), b"crc32": b"%08x" % crc})
            pieces.append(sink.getvalue()[begin:])
        begin = sink.tell()
    return [*pieces, sink.getvalue()[begin:]]


def _value(row: Row, column: Column) -> np.ndarray:
    if column.name in FIXED:
        value = getattr(row, column.name)
    elif column.name in row.values:
        value = row.values[column.name]
    else:
        key, _, part = column.name.rpartition("/")
        value = row.frames[key][part == "captured_ns"]
    return np.asarray(value, column.dtype).reshape(-1)


def _array(column: Column, value: np.ndarray) -> pa.Array:
    flat = pa.array(value)
    return flat if column.size is None else pa.FixedSizeListArray.from_arrays(flat, column.size)
