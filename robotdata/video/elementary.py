"""Packets of a video file as a stream without a file around them, as logs of robots hold them: none is decoded.

H.264 and H.265 become Annex B, AV1 a stream of OBUs; VP9 stays as it is. Every keyframe carries its parameters.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np

from robotdata.video.errors import JoinError
from robotdata.video.index import PacketIndex, open_same

FORMATS = {"h264": "h264", "hevc": "h265", "av1": "av1", "vp9": "vp9"}
"""The name that logs give each codec that can be passed on."""
_START = b"\0\0\0\1"
_SEQUENCE_HEADER, _TEMPORAL_DELIMITER = 1, 2
_AV1_HEAD = 4


def packet_data(index: PacketIndex, first: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Yield packets [first, end) in decoding order: the number and the bytes. Raises JoinError, FileReplacedError."""
    places = zip(index.position[first:end].tolist(), index.size[first:end].tolist(), strict=True)
    with open_same(index.path, index.identity) as file:
        fd = file.fileno()
        for number, (offset, size) in enumerate(places, first):
            # Check before reading: a false table must not make us allocate the size that it claims.
            is_inside = offset + size <= index.identity.size_bytes
            data = os.pread(fd, size, offset) if is_inside else b""
            if len(data) != size:
                raise JoinError(f"{index.path} ends inside frame {int(index.rank[number])}; it is cut off")
            yield number, data


def passes(index: PacketIndex, first: int, frames: int) -> bool:
    """Return whether frames [first, first + frames) can be passed on: from a keyframe on, shown in decoding order."""
    if index.codec not in FORMATS or not 0 <= first < first + frames <= len(index.order):
        return False
    packets = index.order[first : first + frames]
    start = int(packets[0])
    in_order = bool(np.array_equal(packets, np.arange(start, start + frames)))
    return in_order and bool(index.keyframe[start]) and index.access(start).restarts


def stream_packets(index: PacketIndex, first: int, frames: int) -> Iterator[bytes]:
    """Yield the packet of each of the frames, which `passes`. Raises JoinError for damage, FileReplacedError."""
    start = int(index.order[first])
    wrapped = index.codec in ("h264", "hevc") and not index.extradata.startswith((b"\0\0\1", _START))
    try:
        length_size, parameters = _parameters(index) if wrapped else (0, b"")
        for number, data in packet_data(index, start, start + frames):
            head = parameters if index.keyframe[number] else b""
            if wrapped:
                yield head + _annex_b(data, length_size)
            elif index.codec == "av1" and index.keyframe[number]:
                yield _with_sequence_header(data, index.extradata[_AV1_HEAD:])
            else:
                yield data
    except (IndexError, ValueError) as error:
        raise JoinError(f"{index.path} has damaged packets: {error}") from error


def _parameters(index: PacketIndex) -> tuple[int, bytes]:
    """Return how many bytes the length of a NAL unit has, and the parameter sets as Annex B. Raises IndexError."""
    data, sets = index.extradata, b""
    if index.codec == "h264":
        length_size, at = (data[4] & 3) + 1, 5
        for mask in (31, 255):
            count, at = data[at] & mask, at + 1
            part, at = _sets(data, at, count)
            sets += part
        return length_size, sets
    length_size, arrays, at = (data[21] & 3) + 1, data[22], 23
    for _ in range(arrays):
        count, at = int.from_bytes(data[at + 1 : at + 3], "big"), at + 3
        part, at = _sets(data, at, count)
        sets += part
    return length_size, sets


def _sets(data: bytes, at: int, count: int) -> tuple[bytes, int]:
    """Return `count` parameter sets from `at` on as Annex B, and where they end."""
    sets = b""
    for _ in range(count):
        size, at = int.from_bytes(data[at : at + 2], "big"), at + 2
        if at + size > len(data):
            raise ValueError("parameters that are cut off")
        sets, at = sets + _START + data[at : at + size], at + size
    return sets, at


def _annex_b(data: bytes, length_size: int) -> bytes:
    """Return a packet whose NAL units begin with start codes instead of their lengths. Raises ValueError."""
    parts, at = [], 0
    while at < len(data):
        size, at = int.from_bytes(data[at : at + length_size], "big"), at + length_size
        if at + size > len(data):
            raise ValueError("a NAL unit that is longer than its packet")
        parts += [_START, data[at : at + size]]
        at += size
    return b"".join(parts)


def _with_sequence_header(data: bytes, header: bytes) -> bytes:
    """Return the keyframe, with the sequence header before it if it has none at its beginning."""
    at = 2 if data[:1] and (data[0] >> 3) & 15 == _TEMPORAL_DELIMITER else 0
    return data if (data[at] >> 3) & 15 == _SEQUENCE_HEADER else data[:at] + header + data[at:]
