"""Where decoding can begin: what a container calls a keyframe need not be one.

H.264 of cameras and of streaming often has a single IDR picture, the first, and then recovery points: decoding may
begin there, but only the frames some way behind are right. HEVC calls its random access pictures by their type.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_IDR, _SEI = 5, 6
_HEVC_IRAP = range(16, 24)
_RECOVERY_POINT = 6
_HEAD = 64 * 1024
"""A keyframe's first slice comes after its parameter sets and messages, which are small."""


@dataclass(frozen=True, slots=True)
class Access:
    """What decoding that begins at a packet gives: all from this frame on, or only what is `behind` frames later.

    `behind` None: nothing that is certainly right. `restarts`: nothing after it refers to anything before it, so that a
    file may begin here.
    """

    restarts: bool
    behind: int | None


RESTART = Access(True, 0)
NOTHING = Access(False, None)


class AccessReader:
    """Reads from a keyframe's packet what kind of entry it is. `codec` and `extradata` are the stream's."""

    def __init__(self, codec: str, extradata: bytes) -> None:
        self._codec = codec
        self._length = _length_size(codec, extradata)

    @property
    def looks(self) -> bool:
        """Return whether the packets must be inspected: keyframes of other codecs are what they are called."""
        return self._codec in ("h264", "hevc")

    def access(self, data: bytes) -> Access:
        """Return the access that the packet `data`, or its first 64 KiB, allows."""
        if not self.looks:
            return RESTART
        units = _by_length(data, self._length) if self._length else _by_start_code(data)
        return _h264(units) if self._codec == "h264" else _hevc(units)

    def head(self, size: int) -> int:
        """Return how many of a packet's `size` bytes `access` needs."""
        return min(size, _HEAD)


def _h264(units: Iterator[bytes]) -> Access:
    found = NOTHING
    for unit in units:
        kind = unit[0] & 31
        if kind == _IDR:
            return RESTART
        if kind == _SEI:
            behind = _recovery(_unescaped(unit[1:]))
            found = found if behind is None else Access(False, behind)
        elif kind == 1:
            break
    return found


def _hevc(units: Iterator[bytes]) -> Access:
    for unit in units:
        kind = unit[0] >> 1 & 63
        if kind < 32:
            return RESTART if kind in _HEVC_IRAP else NOTHING
    return NOTHING


def _recovery(message: bytes) -> int | None:
    """After how many frames the pictures are exact again, by a recovery point in an H.264 message; None without one.

    Points after which pictures are only nearly right, or refer to what a splice cut away, are none.
    """
    at = 0
    while at + 2 < len(message):
        kind, at = _sum_of_bytes(message, at)
        size, at = _sum_of_bytes(message, at)
        if kind == _RECOVERY_POINT:
            bits = "".join(f"{byte:08b}" for byte in message[at : at + size])
            zeros = len(bits) - len(bits.lstrip("0"))
            count, flags = bits[zeros : 2 * zeros + 1], bits[2 * zeros + 1 : 2 * zeros + 3]
            return int(count, 2) - 1 if flags == "10" else None
        at += size
    return None


def _sum_of_bytes(message: bytes, at: int) -> tuple[int, int]:
    """A number written as bytes of 255 and a last one, and where it ends."""
    value = 0
    while at < len(message):
        value, at = value + message[at], at + 1
        if message[at - 1] != 255:
            break
    return value, at


def _unescaped(unit: bytes) -> bytes:
    return unit.replace(b"\0\0\3", b"\0\0")


def _length_size(codec: str, extradata: bytes) -> int:
    """How many bytes tell a unit's length; 0 where start codes part the units."""
    place = {"h264": 4, "hevc": 21}.get(codec)
    return (extradata[place] & 3) + 1 if place and len(extradata) > place and extradata[0] == 1 else 0


def _by_length(data: bytes, width: int) -> Iterator[bytes]:
    at = 0
    while at + width < len(data):
        size = int.from_bytes(data[at : at + width], "big")
        if size:
            yield data[at + width : at + width + size]
        at += width + size


def _by_start_code(data: bytes) -> Iterator[bytes]:
    for unit in data.split(b"\0\0\1")[1:]:
        if unit:
            yield unit
