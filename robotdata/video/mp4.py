"""Read the sample tables of an MP4 from its `moov` box: where each packet is, without reading the packets.

So a file of hundreds of megabytes is indexed by reading a few kilobytes. Files other than a plain MP4 with one video
track (fragments, several sample descriptions, edits other than a later start) are left to FFmpeg: `read_tables` returns
None. The boxes are defined in ISO/IEC 14496-12.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_MOOV_LIMIT = 256 * 2**20
_SAMPLE_LIMIT = 20_000_000
_IDENTITY = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
_CONTAINERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts")


@dataclass(frozen=True, slots=True)
class SampleTables:
    """The packets of a track in decoding order; each array has shape (packets,).

    `position` and `size`: bytes, int64. `pts` and `length`: in `time_base`, int64. `keyframe` and `shown`: bool; a
    packet that an edit list hides is not shown.
    """

    time_base: Fraction
    position: NDArray[np.int64]
    size: NDArray[np.int64]
    pts: NDArray[np.int64]
    length: NDArray[np.int64]
    keyframe: NDArray[np.bool_]
    shown: NDArray[np.bool_]
    display_matrix: bytes = b""
    """The display matrix, with which players rotate frames; empty if there is none."""


class _NotPlain(Exception):
    """The file is not a plain MP4; FFmpeg must read it."""


def read_tables(path: Path) -> SampleTables | None:
    """Return the tables of the first video track, or None if FFmpeg must read the file. Raises OSError."""
    with path.open("rb") as file:
        handle = file.fileno()
        try:
            moov = _moov(handle, os.fstat(handle).st_size)
            return _tables(_video_track(moov))
        except (_NotPlain, struct.error, ValueError, LookupError):
            return None


def _moov(handle: int, end: int) -> memoryview:
    """Return the content of the `moov` box."""
    position = 0
    while position + 8 <= end:
        size, kind = struct.unpack(">I4s", os.pread(handle, 8, position))
        head = 8
        if size == 1:
            size, head = struct.unpack(">Q", os.pread(handle, 8, position + 8))[0], 16
        size = size or end - position
        if size < head or (position == 0 and kind != b"ftyp"):
            raise _NotPlain
        if kind == b"moov":
            if size > _MOOV_LIMIT or position + size > end:
                raise _NotPlain
            return memoryview(os.pread(handle, size - head, position + head))
        position += size
    raise _NotPlain


def _boxes(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Yield (type, content) of the boxes in `data`."""
    position = 0
    while position + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, position)
        if size < 8 or position + size > len(data):
            raise _NotPlain
        yield bytes(kind), data[position + 8 : position + size]
        position += size


def _flat(data: memoryview) -> dict[bytes, memoryview]:
    """Return the content of all boxes below `data` by type, including those in containers; the first of each type."""
    contents: dict[bytes, memoryview] = {}
    for kind, body in _boxes(data):
        if kind in _CONTAINERS:
            contents = _flat(body) | contents
        else:
            contents.setdefault(kind, body)
    return contents


def _video_track(moov: memoryview) -> dict[bytes, memoryview]:
    """Return the boxes of the first video track."""
    boxes = list(_boxes(moov))
    if any(kind == b"mvex" for kind, _ in boxes):
        raise _NotPlain
    for kind, body in boxes:
        if kind == b"trak":
            track = _flat(body) | {kind: body for kind, body in boxes if kind == b"mvhd"}
            if bytes(track.get(b"hdlr", memoryview(b""))[8:12]) == b"vide":
                return track
    raise _NotPlain


def _tables(track: dict[bytes, memoryview]) -> SampleTables:
    """Combine the boxes of a track into its sample tables."""
    try:
        sizes = _sizes(track[b"stsz"])
        count = len(sizes)
        position = _positions(track, sizes)
        length = _runs(track[b"stts"], count, ">u4")
        scale = _timescale(track[b"mdhd"])
        if struct.unpack_from(">I", track[b"stsd"], 4)[0] != 1:
            raise _NotPlain
    except KeyError:
        raise _NotPlain from None
    pts = np.cumsum(length) - length
    if b"ctts" in track:
        pts = pts + _runs(track[b"ctts"], count, ">i4")
    if b"elst" in track:
        pts = pts - _late_start(track[b"elst"])
        _refuse_early_end(track, pts, scale)
    if not count or pts.min() < 0 or sizes.min() <= 0:
        raise _NotPlain
    keyframe = np.full(count, b"stss" not in track)
    if b"stss" in track:
        keyframe[_numbers(track[b"stss"], ">u4", 1)[:, 0] - 1] = True
    shown = np.ones(count, np.bool_)
    return SampleTables(Fraction(1, scale), position, sizes, pts, length, keyframe, shown, _matrix(track))


def _numbers(box: memoryview, kind: str, columns: int, head: int = 8) -> NDArray[np.int64]:
    """Return a table as int64 (rows, columns). Its row count is stored before offset `head`."""
    rows: int = struct.unpack_from(">I", box, head - 4)[0]
    width = np.dtype(kind).itemsize
    if rows > _SAMPLE_LIMIT or head + rows * columns * width > len(box):
        raise _NotPlain
    flat: NDArray[np.int64] = np.frombuffer(box, kind, rows * columns, head).astype(np.int64)
    table: NDArray[np.int64] = flat.reshape(rows, columns)
    return table


def _sizes(stsz: memoryview) -> NDArray[np.int64]:
    """Return the size of each sample in bytes (`stsz`)."""
    same, count = struct.unpack_from(">II", stsz, 4)
    if count > _SAMPLE_LIMIT:
        raise _NotPlain
    return np.full(count, same, np.int64) if same else _numbers(stsz, ">u4", 1, head=12)[:, 0]


def _runs(box: memoryview, count: int, kind: str) -> NDArray[np.int64]:
    """Return a table of (number of samples, value) as one value per sample."""
    rows = _numbers(box, ">u4", 2)
    if rows[:, 0].sum() != count:
        raise _NotPlain
    values = _numbers(box, kind, 2)[:, 1]
    return np.repeat(values, rows[:, 0])


def _positions(track: dict[bytes, memoryview], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the position of each sample in bytes (`stco` or `co64`, and `stsc`)."""
    wide = b"co64" in track
    chunks = _numbers(track[b"co64" if wide else b"stco"], ">u8" if wide else ">u4", 1)[:, 0]
    groups = _numbers(track[b"stsc"], ">u4", 3)  # first chunk, samples in each, description
    last = np.append(groups[1:, 0], len(chunks) + 1)
    in_chunk = np.repeat(groups[:, 1], last - groups[:, 0])
    if len(in_chunk) != len(chunks) or in_chunk.sum() != len(sizes):
        raise _NotPlain
    before = np.cumsum(sizes) - sizes
    first = np.cumsum(in_chunk) - in_chunk
    positions: NDArray[np.int64] = np.repeat(chunks - before[first], in_chunk) + before
    return positions


def _timescale(mdhd: memoryview) -> int:
    """Return the ticks per second of an `mdhd` or `mvhd` box."""
    scale: int = struct.unpack_from(">I", mdhd, 20 if mdhd[0] == 1 else 12)[0]
    if scale < 1:
        raise _NotPlain
    return scale


def _matrix(track: dict[bytes, memoryview]) -> bytes:
    """Return the display matrix of the track; empty if it is the identity."""
    head = track.get(b"tkhd", memoryview(b""))
    begin = 52 if bytes(head[:1]) == b"\1" else 40
    matrix = bytes(head[begin : begin + 36])
    # The translation does not matter, because there is only one video track.
    return b"" if len(matrix) < 36 or matrix[:24] == _IDENTITY[:24] else matrix


def _late_start(elst: memoryview) -> int:
    """Return where the only edit begins, in ticks of the track. Raises _NotPlain for other edit lists."""
    wide = elst[0] == 1
    if struct.unpack_from(">I", elst, 4)[0] != 1:
        raise _NotPlain
    start: int = struct.unpack_from(">q" if wide else ">i", elst, 16 if wide else 12)[0]
    rate = struct.unpack_from(">i", elst, 24 if wide else 16)[0]
    if start < 0 or rate != 1 << 16:
        raise _NotPlain
    return start


def _refuse_early_end(track: dict[bytes, memoryview], pts: NDArray[np.int64], scale: int) -> None:
    """Raise _NotPlain if the edit ends before the last frame begins; FFmpeg then decides what is shown."""
    elst, mvhd = track[b"elst"], track[b"mvhd"]
    length: int = struct.unpack_from(">Q" if elst[0] == 1 else ">I", elst, 8)[0]
    if length and int(pts.max(initial=0)) * _timescale(mvhd) >= length * scale:
        raise _NotPlain
