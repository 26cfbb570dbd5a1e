"""Read and write `<camera key>.idx`: one little-endian record of fixed size per frame.

A record holds the sequence number (u64), the capture time (u64, monotonic ns), offset (u64) and size (u32) in bytes of
the packet in the .mkv file, the CRC-32 of the packet (u32), and the CRC-32 of the 32 bytes before it (u32).
"""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robotdata.files import open_beneath
from robotdata.spool.errors import SpoolError

RECORD = struct.Struct("<QQQIII")
_BODY = struct.Struct("<QQQII")
MOST_RECORDS = 2_000_000
"""18 hours at 30 frames a second."""
DTYPE = np.dtype(
    [
        ("seq", "<u8"),
        ("captured_ns", "<u8"),
        ("offset", "<u8"),
        ("size", "<u4"),
        ("crc", "<u4"),
        ("check", "<u4"),
    ]
)


def pack_record(seq: int, captured_ns: int, offset: int, packet: bytes) -> bytes:
    """Return the record of one packet, with the packet's checksum and its own."""
    return seal_record(seq, captured_ns, offset, len(packet), zlib.crc32(packet))


def seal_record(seq: int, captured_ns: int, offset: int, size: int, crc: int) -> bytes:
    """Return a record built from its fields, with its own checksum."""
    body = _BODY.pack(seq, captured_ns, offset, size, crc)
    return body + struct.pack("<I", zlib.crc32(body))


def read_index(path: Path) -> tuple[NDArray[np.void], NDArray[np.bool_]]:
    """Return all complete records of an index (dtype DTYPE), and a mask of those whose checksum is valid.

    An incomplete record at the end is left out: the writer was killed, or is still writing. A missing file counts as
    empty. Raises SpoolError if there are more than MOST_RECORDS.
    """
    try:
        with os.fdopen(open_beneath(path.parent, path.name), "rb") as file:
            data = file.read(MOST_RECORDS * RECORD.size + 1)
    except FileNotFoundError:
        data = b""
    if len(data) > MOST_RECORDS * RECORD.size:
        raise SpoolError(f"{path} is longer than that of {MOST_RECORDS:,} frames: it is damaged, or not ours")
    count = len(data) // RECORD.size
    records = np.frombuffer(data, DTYPE, count)
    view = memoryview(data)
    checks = [zlib.crc32(view[at : at + _BODY.size]) for at in range(0, count * RECORD.size, RECORD.size)]
    valid: NDArray[np.bool_] = records["check"] == np.array(checks, np.uint32)
    return records, valid
