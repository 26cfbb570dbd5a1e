"""Many rows at once: every row of a take is written alike, so all but its values and its checksum are the same bytes.

The first row, read by Arrow, shows where the values and the checksum lie. Of the rows behind it, those whose other
bytes are the same are read as columns, each checked against its own checksum; whatever differs is left to Arrow.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_AT_ONCE = 4 * 2**20
_DIGITS = np.full(256, 255, np.uint8)
_DIGITS[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.arange(16, dtype=np.uint8)
_PLACES = np.arange(28, -1, -4, dtype=np.uint32)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where in a row of `size` bytes its values lie, column by column, and the eight digits of their checksum."""

    schema: pa.Schema
    size: int
    head: NDArray[np.uint8]  # everything before the values; the checksum in it at `crc_at`
    crc_at: int
    values: tuple[slice, ...]
    widths: tuple[int, ...]

    def read(self, source: pa.NativeFile, end: int) -> Iterator[pa.RecordBatch]:
        """The rows that follow in `source` before `end`, as far as each is whole, alike and unaltered."""
        most = max(1, _AT_ONCE // self.size)
        while True:
            data = np.frombuffer(source.read(max(0, min(most * self.size, end - source.tell()))), np.uint8)
            rows = data[: len(data) // self.size * self.size].reshape(-1, self.size)
            good, packed = self._check(rows)
            if good:
                yield self._batch(packed[:good])
            if good < most:
                return

    def _check(self, rows: NDArray[np.uint8]) -> tuple[int, NDArray[np.uint8]]:
        """How many rows from the first on are as they were written, and the values of all of them, (rows, bytes)."""
        packed = np.concatenate([rows[:, part] for part in self.values], axis=1)
        view, width = memoryview(packed.tobytes()), packed.shape[1]
        found = np.fromiter((zlib.crc32(view[at : at + width]) for at in range(0, len(view), width)), np.uint32)
        digits = _DIGITS[rows[:, self.crc_at : self.crc_at + 8]]
        told = np.bitwise_or.reduce(digits.astype(np.uint32) << _PLACES, axis=1)
        sound = (found == told) & (digits < 16).all(axis=1)
        for part in (slice(self.crc_at), slice(self.crc_at + 8, len(self.head))):
            sound &= (rows[:, part] == self.head[part]).all(axis=1)
        return len(sound) if sound.all() else int(np.argmin(sound)), packed

    def _batch(self, packed: NDArray[np.uint8]) -> pa.RecordBatch:
        arrays, at = [], 0
        for field, width in zip(self.schema, self.widths, strict=True):
            listed = pa.types.is_fixed_size_list(field.type)
            kind = field.type.value_type if listed else field.type
            column = pa.py_buffer(packed[:, at : at + width].tobytes())
            flat = pa.Array.from_buffers(kind, len(packed) * width // kind.byte_width, [None, column])
            arrays.append(pa.FixedSizeListArray.from_arrays(flat, field.type.list_size) if listed else flat)
            at += width
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)


def layout_of(message: bytes, crc: bytes, schema: pa.Schema) -> Layout | None:
    """The layout of the rows that are like this one, which is whole and unaltered; None where it cannot be told."""
    if message.count(crc) != 1:
        return None
    parsed: Any = pa.ipc.read_message(message)
    body = len(message) - parsed.body.size
    spans = []
    for column in _columns(pa.ipc.read_record_batch(parsed, schema)):
        buffers = column.buffers()
        if column.null_count or any(buffer is not None for buffer in buffers[:-1]):
            return None
        begin = buffers[-1].address - parsed.body.address + body
        flat = column.flatten() if pa.types.is_fixed_size_list(column.type) else column
        spans.append((begin, begin + len(flat) * flat.type.byte_width))
    if any(not body <= begin < end <= len(message) for begin, end in spans) or message.index(crc) + 8 > body:
        return None
    values: list[slice] = []
    for begin, end in spans:
        if values and values[-1].stop == begin:
            begin = values.pop().start
        values.append(slice(begin, end))
    widths = tuple(end - begin for begin, end in spans)
    head = np.frombuffer(message, np.uint8)[:body]
    return Layout(schema, len(message), head, message.index(crc), tuple(values), widths)


def _columns(batch: pa.RecordBatch) -> list[Any]:
    return list(batch.columns)
