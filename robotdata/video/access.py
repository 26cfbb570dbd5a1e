"""Find out where decoding can begin. A packet that the container marks as a keyframe may not be enough.

H.264 from cameras and streams often has one IDR picture, the first, and recovery points after it: decoding may begin
there, but only later frames are correct. HEVC names the type of its random access pictures in the NAL unit header.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_IDR, _SEI = 5, 6
_HEVC_IRAP = range(16, 24)
_RECOVERY_POINT = 6
_HEAD = 64 * 1024
"""Bytes of a keyframe to inspect. Its parameter sets and messages are small and precede its first slice."""


@dataclass(frozen=True, slots=True)
class Access:
    """What decoding yields that begins at a packet.

    `recovery_frames`: the number of frames after which all frames are correct; None if no frame is certainly correct.
    `restarts`: no later frame refers to one before the packet, so a file may begin here.
    """

    restarts: bool
    recovery_frames: int | None


RESTART = Access(True, 0)
NOTHING = Access(False, None)


class AccessReader:
    """Reads the `Access` of keyframe packets. `codec` and `extradata` are those of the stream."""

    def __init__(self, codec: str, extradata: bytes) -> None:
        self._codec = codec
        self._length = _length_size(codec, extradata)

    @property
    def needs_inspection(self) -> bool:
        """Whether packets must be inspected. For codecs other than H.264 and HEVC, the keyframe flag is enough."""
        return self._codec in ("h264", "hevc")

    def access(self, data: bytes) -> Access:
        """Return the access that the packet `data`, or its first 64 KiB, allows."""
        if not self.needs_inspection:
            return RESTART
        units = _by_length(data, self._length) if self._length else _by_start_code(data)
        return _h264(units) if self._codec == "h264" else _hevc(units)

    def head(self, size: int) -> int:
        """Return how many of a packet's `size` bytes `access` needs."""
        return min(size, _HEAD)


def _h264(units: Iterator[bytes]) -> Access:
    """Return the access of the NAL units of an H.264 keyframe."""
    access = NOTHING
    for unit in units:
        kind = unit[0] & 31
        if kind == _IDR:
            return RESTART
        if kind == _SEI:
            recovery_frames = _recovery(_unescaped(unit[1:]))
            access = access if recovery_frames is None else Access(False, recovery_frames)
        elif kind == 1:
            break
    return access


def _hevc(units: Iterator[bytes]) -> Access:
    """Return the access of the NAL units of an HEVC keyframe."""
    for unit in units:
        kind = unit[0] >> 1 & 63
        if kind < 32:
            return RESTART if kind in _HEVC_IRAP else NOTHING
    return NOTHING


def _recovery(message: bytes) -> int | None:
    """Return `recovery_frame_cnt` of a recovery point in an H.264 SEI message (ITU-T H.264, D.1.8); None without one.

    Points without `exact_match_flag`, or with `broken_link_flag`, do not count.
    """
    position = 0
    while position + 2 < len(message):
        kind, position = _sum_of_bytes(message, position)
        size, position = _sum_of_bytes(message, position)
        if kind == _RECOVERY_POINT:
            bits = "".join(f"{byte:08b}" for byte in message[position : position + size])
            zeros = len(bits) - len(bits.lstrip("0"))
            count, flags = bits[zeros : 2 * zeros + 1], bits[2 * zeros + 1 : 2 * zeros + 3]
            return int(count, 2) - 1 if flags == "10" else None
        position += size
    return None


def _sum_of_bytes(message: bytes, position: int) -> tuple[int, int]:
    """Read a SEI number, which is a sum of bytes of 255 and a last byte. Return it and the position after it."""
    value = 0
    while position < len(message):
        value, position = value + message[position], position + 1
        if message[position - 1] != 255:
            break
    return value, position


def _unescaped(unit: bytes) -> bytes:
    """Return the NAL unit without emulation prevention bytes."""
    return unit.replace(b"\0\0\3", b"\0\0")


def _length_size(codec: str, extradata: bytes) -> int:
    """Return the bytes of a NAL unit's length field; 0 if start codes separate the units (Annex B)."""
    offset = {"h264": 4, "hevc": 21}.get(codec)
    return (extradata[offset] & 3) + 1 if offset and len(extradata) > offset and extradata[0] == 1 else 0


def _by_length(data: bytes, width: int) -> Iterator[bytes]:
    """Yield NAL units that are preceded by their length."""
    position = 0
    while position + width < len(data):
        size = int.from_bytes(data[position : position + width], "big")
        if size:
            yield data[position + width : position + width + size]
        position += width + size


def _by_start_code(data: bytes) -> Iterator[bytes]:
    """Yield NAL units that are separated by start codes."""
    for unit in data.split(b"\0\0\1")[1:]:
        if unit:
            yield unit
