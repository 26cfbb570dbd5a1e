"""Read many rows of a take at once: all rows have the same bytes except for their values and checksum.

The head of one row gives the offsets of the values and the checksum. The rows after it that have the same head are read
as columns, and each row is checked against its own checksum. Arrow gets only the values, never a message.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from robotdata.spool.ipc import PREFIX, Field, Unreadable, head_size, parse_row

MESSAGE_CRC = b"message_crc32"
"""Metadata key, version 2: CRC-32 of the whole message with its own digits as zeros, seeded with the row before's."""

VALUES_CRC = b"crc32"
"""Metadata key, version 1: CRC-32 of a row's values only."""

DIGITS = 8
_CHUNK_BYTES = 4 * 2**20
_HEX = np.full(256, 255, np.uint8)
_HEX[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.arange(16, dtype=np.uint8)
_DIGIT_SHIFTS = np.arange(28, -1, -4, dtype=np.uint32)


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout of a row of `size` bytes: a slice for each column's values, the offset of the checksum's digits.

    `covers_message`: the checksum is that of the whole message (version 2), not of the values alone (version 1).
    """

    fields: tuple[Field, ...]
    size: int
    head: NDArray[np.uint8]  # everything before the values; the checksum in it at `crc_at`
    crc_at: int
    values: tuple[slice, ...]
    covers_message: bool

    def read(self, source: BinaryIO, seed: int) -> Iterator[tuple[list[NDArray[np.uint8]], int]]:
        """Yield the following rows of `source` in chunks, up to the first that is incomplete, different or damaged.

        `seed` is the checksum of the row before, 0 for the first. A chunk is one array uint8 (rows, bytes) per
        column, and the checksum of its last row.
        """
        chunk_rows = max(1, _CHUNK_BYTES // self.size)
        while True:
            data = np.frombuffer(source.read(chunk_rows * self.size), np.uint8)
            rows = data[: len(data) // self.size * self.size].reshape(-1, self.size)
            valid, crcs = self._check(rows, seed)
            if valid:
                seed = int(crcs[valid - 1])
                yield [rows[:valid, part].copy() for part in self.values], seed
            if valid < chunk_rows:
                return

    def _check(self, rows: NDArray[np.uint8], seed: int) -> tuple[int, NDArray[np.uint32]]:
        """Return the number of valid rows before the first invalid one, and the checksum stored in each row."""
        digits = _HEX[rows[:, self.crc_at : self.crc_at + DIGITS]]
        stored = np.bitwise_or.reduce(digits.astype(np.uint32) << _DIGIT_SHIFTS, axis=1)
        if self.covers_message:
            checked, seeds = rows.copy(), [seed, *stored[:-1].tolist()]
            checked[:, self.crc_at : self.crc_at + DIGITS] = ord("0")
        else:
            checked = np.concatenate([rows[:, part] for part in self.values], axis=1)
            seeds = [0] * len(rows)
        width = checked.shape[1]
        view = memoryview(checked.tobytes())
        computed = np.array(
            [zlib.crc32(view[n * width : (n + 1) * width], crc) for n, crc in enumerate(seeds[: len(rows)])]
        )
        valid = (computed == stored) & (digits < 16).all(axis=1)
        for part in (slice(self.crc_at), slice(self.crc_at + DIGITS, len(self.head))):
            valid &= (rows[:, part] == self.head[part]).all(axis=1)
        return len(valid) if valid.all() else int(np.argmin(valid)), stored


def layout_at(source: BinaryIO, fields: tuple[Field, ...]) -> Layout:
    """Return the layout of the row at the position of `source`, which is kept. Raises Unreadable."""
    at = source.tell()
    try:
        head = source.read(head_size(source.read(PREFIX)) - PREFIX)
        source.seek(at)
        return layout_of(source.read(PREFIX) + head, fields)
    finally:
        source.seek(at)


def layout_of(head: bytes, fields: tuple[Field, ...]) -> Layout:
    """Return the layout of rows with this head. Raises Unreadable if the spool writes no such head."""
    row = parse_row(head, fields)
    key = MESSAGE_CRC if MESSAGE_CRC in row.texts else VALUES_CRC
    crc = row.texts.get(key)
    if crc is None or len(crc.value) != DIGITS:
        raise Unreadable("a row without a checksum")
    values = tuple(slice(begin, end) for begin, end in row.values)
    return Layout(fields, row.size, np.frombuffer(head, np.uint8), crc.at, values, key == MESSAGE_CRC)


def as_array(field: Field, data: NDArray[np.uint8]) -> Any:
    """Return a column as a pyarrow Array from its bytes, uint8 (rows, width); fixed-size lists if it has a size."""
    kind = pa.from_numpy_dtype(field.dtype)
    flat = pa.Array.from_buffers(kind, data.size // field.dtype.itemsize, [None, pa.py_buffer(data.tobytes())])
    return flat if field.size is None else pa.FixedSizeListArray.from_arrays(flat, field.size)
