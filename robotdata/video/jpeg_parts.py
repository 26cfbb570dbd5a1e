"""Split a JPEG into its parts as decoders do: padding and garbage between parts are skipped.

It also makes the plain form of a JPEG: the same pixels, without metadata that makes browsers show them differently.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

MAX_PIXELS = 64_000_000
"""More than any camera has. A header that claims more is refused before anything is decoded."""

_SOI, _EOI, _SOS, _DHT, _ADOBE, _EXIF, _JFIF = 0xD8, 0xD9, 0xDA, 0xC4, 0xEE, 0xE1, 0xE0
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {_DHT, 0xC8, 0xCC}
_READABLE = frozenset([0xC0, 0xC1, 0xC2])
"""Baseline, extended and progressive with Huffman coding: the kinds that every decoder reads."""
_BARE = frozenset([0x01, *range(0xD0, 0xD8)])
_APPLICATION = frozenset(range(0xE0, 0xF0))
JPEG_BEGIN = b"\xff\xd8\xff"
_MAX_PREFIX, _PADDING = 64, b"\0\r\n "
_SCAN_END = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_RESTART = re.compile(rb"\xff([\xd0-\xd7])")
_PLAIN_JFIF = b"\xff\xe0\x00\x10JFIF\0\1\1\0\0\1\0\1\0\0"
_STANDARD_TABLES = bytes.fromhex(
    "ffc4001f0000010501010101010100000000000000000102030405060708090a0bffc400b5100002010303020403050504040000017d"
    "01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a34353637"
    "38393a434445464748494a535455565758595a636465666768696a737475767778797a838485868788898a92939495969798999aa2a3"
    "a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa"
    "ffc4001f0100030101010101010101010000000000000102030405060708090a0bffc400b51100020102040403040705040400010277"
    "000102031104052131061241510761711322328108144291a1b1c109233352f0156272d10a162434e125f11718191a262728292a3536"
    "3738393a434445464748494a535455565758595a636465666768696a737475767778797a82838485868788898a92939495969798999a"
    "a2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa"
)
"""The Huffman tables of ITU-T T.81, Annex K, which USB cameras omit from every frame."""


class ImageError(ValueError):
    """An image is not as required. The message says what was found and what was expected."""


@dataclass(frozen=True, slots=True)
class Part:
    """A marker and its segment: bytes [begin, end). The coded data of a scan belong to the scan's part."""

    marker: int
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class JpegParts:
    """The first JPEG in `data`. `ended`: it has its end marker."""

    data: bytes
    width: int
    height: int
    channels: int
    parts: tuple[Part, ...]
    ended: bool

    def body(self, part: Part) -> bytes:
        """Return the content of a part, without marker and length."""
        return self.data[part.begin + 4 : part.end]

    @property
    def has_exif(self) -> bool:
        """Whether it has EXIF metadata."""
        return any(p.marker == _EXIF and self.body(p).startswith(b"Exif\0") for p in self.parts)

    @property
    def stores_rgb(self) -> bool:
        """Whether its three channels are red, green and blue, by the rules of libjpeg, which browsers follow."""
        if self.channels != 3 or self._has_jfif:
            return False
        for part in self.parts:
            if part.marker == _ADOBE and self.body(part).startswith(b"Adobe") and part.end - part.begin >= 16:
                return self.body(part)[11] == 0
        header = next(self.body(part) for part in self.parts if part.marker in _FRAME_HEADERS)
        return header[6:15:3] == b"RGB"

    @property
    def restarts_in_order(self) -> bool:
        """Whether its restart markers count from 0 to 7 cyclically; decoders differ on others."""
        for part in self.parts:
            if part.marker == _SOS:
                markers = _RESTART.findall(self.data, part.begin, part.end)
                if any(mark[0] & 7 != number & 7 for number, mark in enumerate(markers)):
                    return False
        return True

    @property
    def head(self) -> bytes:
        """Return all bytes before the coded data; nothing if there is more than one scan, or something after it."""
        *others, last = self.parts
        if last.marker != _SOS or any(part.marker == _SOS for part in others):
            return b""
        begin = last.begin + 2
        return self.data[: begin + int.from_bytes(self.data[begin : begin + 2], "big")]

    @property
    def _has_jfif(self) -> bool:
        return any(p.marker == _JFIF and self.body(p).startswith(b"JFIF\0") for p in self.parts)

    def plain(self) -> bytes:
        """Return a JPEG with the same coded pixels, all tables and an end marker, and without metadata except JFIF.

        Nothing is between or after the parts. Orientation, colour profile, resolution and preview are removed. `data`
        itself is returned if it is plain already.
        """
        kept = [p for p in self.parts if p.marker not in _APPLICATION]
        jfif = next((p for p in self.parts if p.marker == _JFIF and self.body(p).startswith(b"JFIF\0")), None)
        tables = b"" if any(p.marker == _DHT for p in kept) else _STANDARD_TABLES
        pieces = [self.data[p.begin : p.end] for p in kept]
        if len(kept) == len(self.parts) and not tables:
            head = b""  # without metadata, decoders use their default colours
        else:
            head = self.data[jfif.begin : jfif.end] if jfif else _PLAIN_JFIF
        plain = b"".join((b"\xff\xd8", head, tables, *pieces, b"\xff\xd9"))
        return self.data if plain == self.data else plain


def parse_jpeg(data: bytes, *, header_only: bool = False) -> JpegParts:
    """Return the parts of the first JPEG in `data`; with `header_only` those up to the frame header.

    Raises ImageError if there is none, or if it is of a kind that not all decoders read.
    """
    position = len(data[:_MAX_PREFIX]) - len(data[:_MAX_PREFIX].lstrip(_PADDING))
    if not data.startswith(JPEG_BEGIN, position):
        raise ImageError(f"not a JPEG: {len(data)} bytes that begin with {data[:4].hex() or 'nothing'}")
    parts: list[Part] = []
    size: tuple[int, int, int] | None = None
    ended, position = False, position + 2
    while (found := _next_marker(data, position)) is not None:
        marker, begin = found
        if marker == _EOI or (marker == _SOI and size is not None):
            ended = marker == _EOI
            break
        position = begin + 2
        if marker in _BARE or marker == _SOI:
            continue
        length = int.from_bytes(data[position : position + 2], "big")
        if position + 2 > len(data) or length < 2 or position + length > len(data):
            break
        position += length
        if marker == _SOS:
            position = _scan_end(data, position)
        elif marker in _FRAME_HEADERS:
            size = _frame_size(data, marker, begin)
        parts.append(Part(marker, begin, position))
        if header_only and size is not None:
            break
    if size is None:
        raise ImageError(f"a JPEG of {len(data)} bytes has no frame header")
    return JpegParts(data, *size, tuple(parts), ended)


def picture_end(data: bytes, begin: int) -> tuple[int, bool] | None:
    """Return where the JPEG that begins at `begin` ends, and whether it has an end marker; None if it is incomplete.

    Without an end marker, it ends where the next JPEG begins.
    """
    position = begin + 2
    while (found := _next_marker(data, position)) is not None:
        marker, marker_at = found
        position = marker_at + 2
        if marker == _EOI:
            return position, True
        if marker == _SOI and data.startswith(JPEG_BEGIN, marker_at) and marker_at > begin + 2:
            return marker_at, False
        if marker in _BARE or marker == _SOI:
            continue
        if position + 2 > len(data):
            return None
        position += int.from_bytes(data[position : position + 2], "big")
        if position > len(data):
            return None
        if marker == _SOS:
            position = _scan_end(data, position)
    return None


def is_one_scan(data: bytes, begin: int) -> bool:
    """Return whether `data` from `begin` is the coded data of one scan and the end marker, and nothing else."""
    end = len(data) - 2
    marker = _SCAN_END.search(data, begin)
    return marker is not None and marker.start() == end and data[end + 1] == _EOI and data[end - 1] != 0xFF


def check_size(width: int, height: int) -> None:
    """Raise ImageError, naming the size, if an image is empty or beyond MAX_PIXELS."""
    if width < 1 or height < 1 or width * height > MAX_PIXELS:
        raise ImageError(f"an image of {width}x{height}: want 1 to {MAX_PIXELS:,} pixels")


def _scan_end(data: bytes, at: int) -> int:
    """Return where the coded data that begin at `at` end: at the next marker, or at fill bytes before it."""
    marker = _SCAN_END.search(data, at)
    if marker is None:
        return len(data)
    end = marker.start()
    while end > at and data[end - 1] == 0xFF:
        end -= 1
    return end


def _next_marker(data: bytes, at: int) -> tuple[int, int] | None:
    """Return the next marker's second byte and its position. Fill bytes and other bytes before it are skipped."""
    while (at := data.find(b"\xff", at)) >= 0 and at + 1 < len(data):
        if data[at + 1] not in (0x00, 0xFF):
            return data[at + 1], at
        at += 1
    return None


def _frame_size(data: bytes, marker: int, begin: int) -> tuple[int, int, int]:
    """Return (width, height, channels) of a frame header. Raises ImageError for an unsupported kind."""
    if begin + 10 > len(data):
        raise ImageError(f"a JPEG of {len(data)} bytes ends inside its frame header")
    bits, height, width, channels = struct.unpack_from(">BHHB", data, begin + 4)
    check_size(width, height)
    if marker not in _READABLE or bits != 8:
        raise ImageError(
            f"a JPEG of {bits} bits and kind {marker - 0xC0} (arithmetic, lossless or hierarchical): browsers show "
            "only 8 bits, baseline or progressive; set the camera to that"
        )
    if channels not in (1, 3):
        raise ImageError(f"a JPEG of {channels} channels (CMYK is for print); set the camera to colours or grey")
    return width, height, channels
