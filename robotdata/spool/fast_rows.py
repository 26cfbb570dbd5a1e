"""Many rows at once: every row of a take is written alike, so all but its values and its checksum are the same bytes.

The head of one row shows where the values and the checksum lie. Of the rows behind it, those whose heads are the same
are read as columns, each checked against its own checksum. Arrow gets the values alone, never a message.
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
"""Key of the checksum of a whole message, with its own digits as zeros, going on from the row before (version 2)."""

VALUES_CRC = b"crc32"
"""Key of the checksum of a row's values alone (version 1)."""

DIGITS = 8
_AT_ONCE = 4 * 2**20
_HEX = np.full(256, 255, np.uint8)
_HEX[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.arange(16, dtype=np.uint8)
_PLACES = np.arange(28, -1, -4, dtype=np.uint32)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where in a row of `size` bytes its values lie, column by column, and the eight digits of their checksum.

    `whole`: the checksum is of the whole message (version 2), not of the values alone.
    """

    fields: tuple[Field, ...]
    size: int
    head: NDArray[np.uint8]  # everything before the values; the checksum in it at `crc_at`
    crc_at: int
    values: tuple[slice, ...]
    whole: bool

    def read(self, source: BinaryIO, seed: int) -> Iterator[tuple[list[NDArray[np.uint8]], int]]:
        """Yield the rows that follow in `source`, as far as each is whole, alike and unaltered, some at a time.

        `seed` is the checksum of the row before, 0 for the first. Each item is one uint8 array (rows, bytes) for
        each column, and the checksum of its last row.
        """
        most = max(1, _AT_ONCE // self.size)
        while True:
            data = np.frombuffer(source.read(most * self.size), np.uint8)
            rows = data[: len(data) // self.size * self.size].reshape(-1, self.size)
            good, crcs = self._check(rows, seed)
            if good:
                seed = int(crcs[good - 1])
                yield [rows[:good, part].copy() for part in self.values], seed
            if good < most:
                return

    def _check(self, rows: NDArray[np.uint8], seed: int) -> tuple[int, NDArray[np.uint32]]:
        """Return how many rows from the first on are as they were written, and the checksum that each one states."""
        digits = _HEX[rows[:, self.crc_at : self.crc_at + DIGITS]]
        stated = np.bitwise_or.reduce(digits.astype(np.uint32) << _PLACES, axis=1)
        if self.whole:
            checked, seeds = rows.copy(), [seed, *stated[:-1].tolist()]
            checked[:, self.crc_at : self.crc_at + DIGITS] = ord("0")
        else:
            checked = np.concatenate([rows[:, part] for part in self.values], axis=1)
            seeds = [0] * len(rows)
        width = checked.shape[1]
        view = memoryview(checked.tobytes())
        found = np.array(
            [zlib.crc32(view[n * width : (n + 1) * width], crc) for n, crc in enumerate(seeds[: len(rows)])]
        )
        sound = (found == stated) & (digits < 16).all(axis=1)
        for part in (slice(self.crc_at), slice(self.crc_at + DIGITS, len(self.head))):
            sound &= (rows[:, part] == self.head[part]).all(axis=1)
        return len(sound) if sound.all() else int(np.argmin(sound)), stated


def layout_at(source: BinaryIO, fields: tuple[Field, ...]) -> Layout:
    """Return the layout of the row whose message begins where `source` is, which stays there; raises Unreadable."""
    at = source.tell()
    try:
        head = source.read(head_size(source.read(PREFIX)) - PREFIX)
        source.seek(at)
        return layout_of(source.read(PREFIX) + head, fields)
    finally:
        source.seek(at)


def layout_of(head: bytes, fields: tuple[Field, ...]) -> Layout:
    """Return the layout of rows with this head; raises Unreadable if it is none of ours."""
    row = parse_row(head, fields)
    key = MESSAGE_CRC if MESSAGE_CRC in row.texts else VALUES_CRC
    crc = row.texts.get(key)
    if crc is None or len(crc.value) != DIGITS:
        raise Unreadable("a row without a checksum")
    values = tuple(slice(begin, end) for begin, end in row.values)
    return Layout(fields, row.size, np.frombuffer(head, np.uint8), crc.at, values, key == MESSAGE_CRC)


def as_array(field: Field, data: NDArray[np.uint8]) -> Any:
    """Return one column from its bytes, (rows, width); a list of fixed size where a row has several elements."""
    kind = pa.from_numpy_dtype(field.dtype)
    flat = pa.Array.from_buffers(kind, data.size // field.dtype.itemsize, [None, pa.py_buffer(data.tobytes())])
    return flat if field.size is None else pa.FixedSizeListArray.from_arrays(flat, field.size)
