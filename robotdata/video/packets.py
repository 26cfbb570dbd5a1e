"""Append-only video: one packet per frame, every packet a keyframe in a Matroska cluster of its own.

A frame is in the file at a known offset when `write` returns, after one `writev`. So a killed writer loses at most the
packet that it is writing, and frame n is read with one `pread`. Any player opens the file. Times are nanoseconds: the
timestamp scale of the segment is 1.
"""

from __future__ import annotations

import errno
import mmap
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from robotdata.files import create_if_missing, open_own
from robotdata.video.errors import VideoError

CODECS = {"mjpeg": b"V_MJPEG", "png": b"V_MS/VFW/FOURCC"}
MAX_BYTES = 64 << 20
"""More than any image takes. After a power cut, a file may claim any size."""
_CLUSTER = b"\x1f\x43\xb6\x75"
_TIMESTAMP = b"\xe7\x88"
_BLOCK = b"\xa3"
_TRACK = b"\x81\x00\x00\x80"  # track 1, relative time 0, a keyframe
_HEAD = struct.Struct(">4sQ2sQ1sQ4s")
_WIDE = 1 << 56  # marker of an EBML size of eight bytes
_INSIDE = _HEAD.size - 12  # the part of the header after the cluster's id and size


class PacketFileError(VideoError):
    """A packet file cannot be written or read. The message names the file."""


@dataclass(frozen=True, slots=True)
class StoredPacket:
    """A packet in a file: offset and size of its payload in bytes, and capture time in nanoseconds."""

    offset: int
    size: int
    pts_ns: int


class AppendFile:
    """A new file that only grows by complete pieces.

    After a failed write it is truncated to the last complete piece.
    """

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        self.position = 0

    def append(self, *parts: bytes) -> None:
        """Append one piece, given in parts. Raises OSError after truncating the file to the piece before."""
        try:
            append_all(self._fd, list(parts))
        except OSError:
            # A reader would not find the piece after an incomplete one.
            os.ftruncate(self._fd, self.position)
            os.lseek(self._fd, self.position, os.SEEK_SET)
            raise
        self.position += sum(map(len, parts))

    def sync(self) -> None:
        """Wait until all written bytes are on the disk."""
        sync_data(self._fd)

    def finish(self) -> None:
        """Make the file durable and close it; a second call does nothing."""
        if self._fd >= 0:
            try:
                os.fsync(self._fd)
            finally:
                os.close(self._fd)
                self._fd = -1


class PacketWriter(AppendFile):
    """Writes a new packet file; `finish` makes it durable.

    Raises OSError after truncating the file to complete packets.
    """

    def __init__(self, path: Path, codec: str, width: int, height: int) -> None:
        if codec not in CODECS:
            raise PacketFileError(f"{path.name}: codec {codec!r}, want one of {', '.join(CODECS)}")
        super().__init__(path)
        self.path = path
        self.append(_file_header(codec, width, height))

    def write(self, data: bytes, pts_ns: int) -> int:
        """Append one packet with capture time `pts_ns`. Return the offset of its payload in bytes."""
        size = len(data)
        head = _HEAD.pack(
            _CLUSTER,
            _WIDE | (size + _INSIDE),
            _TIMESTAMP,
            pts_ns,
            _BLOCK,
            _WIDE | (size + len(_TRACK)),
            _TRACK,
        )
        offset = self.position + len(head)
        self.append(head, data)
        return offset


def sync_data(fd: int) -> None:
    """Sync the size and content of a file, without its times if the system supports that (fdatasync)."""
    getattr(os, "fdatasync", os.fsync)(fd)


def append_all(fd: int, parts: list[bytes]) -> None:
    """Write all of `parts`, with one system call if possible. Raises OSError."""
    total = sum(map(len, parts))
    written = os.writev(fd, parts)
    if written < total:  # a full disk accepts a part and fails at the next call
        rest = memoryview(b"".join(parts))[written:]
        while rest:
            rest = rest[os.write(fd, rest) :]


def read_packets(path: Path) -> Iterator[StoredPacket]:
    """Yield the complete packets of a file written by PacketWriter, in order, even if the file is damaged.

    Only the structure is read. After damage, reading continues at the next cluster. Raises PacketFileError if the file
    is not a packet file.
    """
    with open_own(path) as file:
        yield from packets_in(file, path)


def packets_in(file: BinaryIO, path: Path) -> Iterator[StoredPacket]:
    """Yield the packets of an open file as `read_packets` does; `path` is for messages."""
    size = os.fstat(file.fileno()).st_size
    if size == 0:
        return
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        position = _next_cluster(file.fileno(), data, 0)
        if position < 0 and data[:4] != b"\x1a\x45\xdf\xa3":
            raise PacketFileError(f"{path} is not a camera file of a take (Matroska): it begins with {data[:4].hex()}")
        while position >= 0:
            packet = _packet_at(data, position, size)
            if packet is not None:
                yield packet
            after = packet.offset + packet.size if packet else position + len(_CLUSTER)
            position = _next_cluster(file.fileno(), data, after)


def repair_header(path: Path, codec: str, width: int, height: int) -> bool:
    """Rewrite the header of a packet file if the disk lost it, alone or with the whole file. Return whether it did."""
    header = _file_header(codec, width, height)
    create_if_missing(path)
    with open_own(path, write=True) as file:
        stored = file.read(len(header))
        first = len(header) if stored == header else _first_cluster(file.fileno())
        if stored == header or first not in {-1, len(header)}:
            return False
        os.pwrite(file.fileno(), header, 0)  # `_first_cluster` has moved the file's position
        os.fsync(file.fileno())
    return True


def _first_cluster(fd: int) -> int:
    """Return the offset of the first cluster, or -1."""
    if not os.fstat(fd).st_size:
        return -1
    with mmap.mmap(fd, 0, access=mmap.ACCESS_READ) as data:
        return _next_cluster(fd, data, 0)


def _next_cluster(fd: int, data: mmap.mmap, position: int) -> int:
    """Return the offset of the first cluster at or after `position`, or -1.

    Holes of a sparse file are skipped. After a power cut they may have any length, and reading 2 GiB of them would take
    seconds and as much memory.
    """
    if data[position : position + len(_CLUSTER)] == _CLUSTER:
        return position
    while position < len(data):
        try:
            begin = os.lseek(fd, position, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # no data up to the end
                return -1
            raise
        position = os.lseek(fd, begin, os.SEEK_HOLE)
        found = data.find(_CLUSTER, begin, position)  # never across a hole: the id has no zero byte
        if found >= 0:
            return found
    return -1


def _packet_at(data: mmap.mmap, at: int, end: int) -> StoredPacket | None:
    """Return the packet of the cluster at offset `at`, or None if it is incomplete or damaged."""
    if at + _HEAD.size > end:
        return None
    _, cluster, stamp, pts_ns, block, wide, track = _HEAD.unpack_from(data, at)
    size = (wide ^ _WIDE) - len(_TRACK)
    is_valid = (stamp, block, track) == (_TIMESTAMP, _BLOCK, _TRACK) and cluster ^ _WIDE == size + _INSIDE
    offset = at + _HEAD.size
    return StoredPacket(offset, size, pts_ns) if is_valid and 0 <= size <= min(MAX_BYTES, end - offset) else None


def _element(identity: str, payload: bytes) -> bytes:
    """Return an EBML element; `identity` is its id in hexadecimal."""
    return bytes.fromhex(identity) + (_WIDE | len(payload)).to_bytes(8, "big") + payload


def _number(identity: str, value: int) -> bytes:
    """Return an EBML element with an unsigned integer."""
    return _element(identity, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def _file_header(codec: str, width: int, height: int) -> bytes:
    """Return everything before the first cluster."""
    doctype = _element("4282", b"matroska") + _number("4287", 4) + _number("4285", 2)
    limits = _number("4286", 1) + _number("42f7", 1) + _number("42f2", 4) + _number("42f3", 8)
    info = _number("2ad7b1", 1) + _element("4d80", b"robotdata") + _element("5741", b"robotdata")
    private = b""
    if codec == "png":  # Matroska stores PNG as a Video for Windows codec
        bitmap = struct.pack("<IiiHH4sIiiII", 40, width, height, 1, 24, b"MPNG", 0, 0, 0, 0, 0)
        private = _element("63a2", bitmap)
    video = _element("e0", _number("b0", width) + _number("ba", height))
    track = _number("d7", 1) + _number("73c5", 1) + _number("83", 1) + _number("9c", 0)
    track += _element("86", CODECS[codec]) + private + video
    segment = bytes.fromhex("18538067") + b"\x01" + b"\xff" * 7  # of unknown size: it grows
    return (
        _element("1a45dfa3", limits + doctype)
        + segment
        + _element("1549a966", info)
        + _element("1654ae6b", _element("ae", track))
    )
