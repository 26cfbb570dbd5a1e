"""The layout of a zip file before any byte of it is made: its size and every offset follow from names and sizes.

Files are stored, not compressed, because videos and Parquet are compressed already. The same files always make the same
bytes: entries are sorted and carry no time. A CRC precedes its file in the zip, so a file is read once for its CRC,
which is remembered, and once to be sent. Files and offsets beyond 4 GiB use ZIP64.
"""

from __future__ import annotations

import hashlib
import os
import struct
import threading
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cachetools import LRUCache

from robotdata.dataset.exchange.errors import TransferError
from robotdata.files import open_real

PIECE_BYTES = 256 << 10
_LIMIT32, _LIMIT16 = 0xFFFF_FFFF, 0xFFFF
_UTF8 = 1 << 11
_DATE = 0x21  # 1 January 1980, the first that the format can state
_UNIX = 3 << 8
_MODE = 0o100644 << 16
_HEADER, _ENTRY, _END_BYTES = 30, 46, 22
_END64_BYTES, _LOCATOR_BYTES, _EXTRA64 = 56, 20, 20
Identity = tuple[int, int, int, int]
_crcs: LRUCache[Identity, int] = LRUCache(100_000)
_crcs_lock = threading.Lock()


class ChangedMeanwhile(TransferError):
    """A file has changed since the zip file was planned."""


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file to be sent: its real path, its name in the zip file, and its identity when the zip file was planned."""

    path: Path
    name: str
    identity: Identity

    @property
    def size(self) -> int:
        """Its size in bytes."""
        return self.identity[2]

    @classmethod
    def of(cls, path: Path, name: str) -> SentFile:
        """Return the file as it is now. `path` is resolved. Raises OSError."""
        return cls(path, name, identity_of(path.stat()))


def identity_of(state: os.stat_result) -> Identity:
    """Return device, inode, size and modification time."""
    return (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns)


def etag_of(files: Sequence[SentFile], kind: str = "") -> str:
    """Return what changes with every file's content and name, and with the `kind` of what is made of them."""
    facts: list[object] = [(file.name, *file.identity[1:]) for file in files]
    return hashlib.blake2s(repr(facts + [kind] * bool(kind)).encode(), digest_size=12).hexdigest()


class ZipPlan:
    """The zip file of `files`. `size` in bytes; `etag` changes with every file's content and name."""

    def __init__(self, files: Sequence[SentFile]) -> None:
        self.files = sorted(files, key=lambda file: file.name)
        self._names = [file.name.encode() for file in self.files]
        self._offsets: list[int] = []
        at = 0
        for file, name in zip(self.files, self._names, strict=True):
            self._offsets.append(at)
            at += _HEADER + len(name) + (_EXTRA64 if file.size >= _LIMIT32 else 0) + file.size
        self._directory_at = at
        self._directory_size = sum(
            _ENTRY + len(name) + len(self._extra(number)) for number, name in enumerate(self._names)
        )
        needs_64 = max(at, self._directory_size) >= _LIMIT32 or len(self.files) >= _LIMIT16
        self._end_size = _END_BYTES + (_END64_BYTES + _LOCATOR_BYTES if needs_64 else 0)
        self.size = at + self._directory_size + self._end_size
        self.etag = etag_of(self.files)

    def pieces(self, first: int, end: int) -> Iterator[bytes]:
        """Yield bytes [first, end) of the zip file, at most PIECE_BYTES at a time.

        The end of the zip file has the CRC of every file. After each file that is read for it, an empty piece is
        yielded, so that a reader who leaves meanwhile need not wait for all of them.

        Raises ChangedMeanwhile if a file is not the one that was planned, and OSError.
        """
        for number, offset in enumerate(self._offsets):
            header = _HEADER + len(self._names[number]) + (_EXTRA64 if self.files[number].size >= _LIMIT32 else 0)
            begins = offset + header
            if offset < end and first < begins:
                yield self._header(number)[max(0, first - offset) : end - offset]
            ends = begins + self.files[number].size
            if begins < end and first < ends:
                yield from file_pieces(self.files[number], max(0, first - begins), min(ends, end) - begins)
        if end > self._directory_at:
            for file in self.files:
                if file.identity not in _crcs:
                    crc_of(file)
                    yield b""
            tail = self._directory() + self._end()
            at = self._directory_at
            yield tail[max(0, first - at) : end - at]

    def _header(self, number: int) -> bytes:
        file, name = self.files[number], self._names[number]
        big = file.size >= _LIMIT32
        size = _LIMIT32 if big else file.size
        extra = struct.pack("<HHQQ", 1, 16, file.size, file.size) if big else b""
        numbers = (45 if big else 20, _UTF8, 0, 0, _DATE, crc_of(file), size, size, len(name), len(extra))
        return b"PK\x03\x04" + struct.pack("<HHHHHIIIHH", *numbers) + name + extra

    def _extra(self, number: int) -> bytes:
        """Return the ZIP64 field of an entry of the directory: the values that do not fit into 32 bits."""
        size, offset = self.files[number].size, self._offsets[number]
        big = [size, size] if size >= _LIMIT32 else []
        big += [offset] if offset >= _LIMIT32 else []
        return struct.pack(f"<HH{len(big)}Q", 1, 8 * len(big), *big) if big else b""

    def _directory(self) -> bytes:
        entries = []
        for number, (file, name) in enumerate(zip(self.files, self._names, strict=True)):
            extra, size = self._extra(number), min(file.size, _LIMIT32)
            version = 45 if extra else 20
            numbers = (_UNIX | 45, version, _UTF8, 0, 0, _DATE, crc_of(file), size, size, len(name), len(extra))
            rest = (0, 0, 0, _MODE, min(self._offsets[number], _LIMIT32))
            entries.append(b"PK\x01\x02" + struct.pack("<HHHHHHIIIHHHHHII", *numbers, *rest) + name + extra)
        return b"".join(entries)

    def _end(self) -> bytes:
        count, at, size = len(self.files), self._directory_at, self._directory_size
        more = b""
        if self._end_size > _END_BYTES:
            numbers = (_END64_BYTES - 12, _UNIX | 45, 45, 0, 0, count, count, size, at)
            more = b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", *numbers)
            more += b"PK\x06\x07" + struct.pack("<IQI", 0, at + size, 1)
        short = min(count, _LIMIT16)
        numbers32 = (0, 0, short, short, min(size, _LIMIT32), min(at, _LIMIT32), 0)
        return more + b"PK\x05\x06" + struct.pack("<HHHHIIH", *numbers32)


def crc_of(file: SentFile) -> int:
    """Return the CRC-32 of the file; it is read only if it has changed since the last call."""
    with _crcs_lock:
        known = _crcs.get(file.identity)
    if known is not None:
        return known
    crc = 0
    for piece in file_pieces(file, 0, file.size):
        crc = zlib.crc32(piece, crc)
    with _crcs_lock:
        _crcs[file.identity] = crc
    return crc


def file_pieces(file: SentFile, first: int, end: int) -> Iterator[bytes]:
    """Yield bytes [first, end) of the file. Raises ChangedMeanwhile."""
    try:
        fd = open_real(file.path)
    except FileNotFoundError as error:
        raise ChangedMeanwhile(f"{file.path} was removed meanwhile: begin the download again") from error
    try:
        if identity_of(os.fstat(fd)) != file.identity:
            raise ChangedMeanwhile(f"{file.path} has changed meanwhile: begin the download again")
        at = first
        while at < end:
            piece = os.pread(fd, min(PIECE_BYTES, end - at), at)
            if not piece:
                raise ChangedMeanwhile(f"{file.path} has become shorter meanwhile: begin the download again")
            at += len(piece)
            yield piece
    finally:
        os.close(fd)
