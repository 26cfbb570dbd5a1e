"""The parts of a JPEG as decoders step through them: padding and rubbish between parts are stepped over.

And its plain form: the same pixels, without what makes a browser show them otherwise than a decoder gives them.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

MAX_PIXELS = 64_000_000
"""More than any camera gives; a header that claims more is refused before a byte is decoded."""

_SOI, _EOI, _SOS, _DHT, _ADOBE, _EXIF, _JFIF = 0xD8, 0xD9, 0xDA, 0xC4, 0xEE, 0xE1, 0xE0
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {_DHT, 0xC8, 0xCC}
_READABLE = frozenset([0xC0, 0xC1, 0xC2])
"""Baseline, extended and progressive, with Huffman codes: what every decoder reads."""
_BARE = frozenset([0x01, *range(0xD0, 0xD8)])
_APPLICATION = frozenset(range(0xE0, 0xF0))
JPEG_BEGIN = b"\xff\xd8\xff"
_LONGEST_PREFIX, _PADDING = 64, b"\0\r\n "
_SCAN_END = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_RESTART = re.compile(rb"\xff([\xd0-\xd7])")
_PLAIN_JFIF = b"\xff\xe0\x00\x10JFIF\0\1\1\0\0\1\0\1\0\0"
_USUAL_TABLES = bytes.fromhex(
    "ffc4001f0000010501010101010100000000000000000102030405060708090a0bffc400b5100002010303020403050504040000017d"
    "01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a34353637"
    "38393a434445464748494a535455565758595a636465666768696a737475767778797a838485868788898a92939495969798999aa2a3"
    "a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa"
    "ffc4001f0100030101010101010101010000000000000102030405060708090a0bffc400b51100020102040403040705040400010277"
    "000102031104052131061241510761711322328108144291a1b1c109233352f0156272d10a162434e125f11718191a262728292a3536"
    "3738393a434445464748494a535455565758595a636465666768696a737475767778797a82838485868788898a92939495969798999a"
    "a2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa"
)
"""The Huffman tables of Annex K of the standard, which USB cameras leave out of every frame."""


class ImageError(ValueError):
    """A picture that is not what it should be; the message says what came and what was expected."""


@dataclass(frozen=True, slots=True)
class Part:
    """A marker with what belongs to it: bytes `begin` to `end`; a scan's coded data is a part of the scan's header."""

    marker: int
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class JpegParts:
    """The first picture in `data`. `ended`: it has its end marker."""

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
        return any(p.marker == _EXIF and self.body(p).startswith(b"Exif\0") for p in self.parts)

    @property
    def stores_rgb(self) -> bool:
        """Return whether its three channels are red, green and blue, by libjpeg's rules, which browsers follow."""
        if self.channels != 3 or self._has_jfif:
            return False
        for part in self.parts:
            if part.marker == _ADOBE and self.body(part).startswith(b"Adobe") and part.end - part.begin >= 16:
                return self.body(part)[11] == 0
        header = next(self.body(part) for part in self.parts if part.marker in _FRAME_HEADERS)
        return header[6:15:3] == b"RGB"

    @property
    def restarts_in_order(self) -> bool:
        """Return whether its restart markers count from 0 to 7 and round again; decoders differ about others."""
        for part in self.parts:
            if part.marker == _SOS:
                found = _RESTART.findall(self.data, part.begin, part.end)
                if any(mark[0] & 7 != number & 7 for number, mark in enumerate(found)):
                    return False
        return True

    @property
    def _has_jfif(self) -> bool:
        return any(p.marker == _JFIF and self.body(p).startswith(b"JFIF\0") for p in self.parts)

    def plain(self) -> bytes:
        """Return the same coded pixels: no metadata but JFIF's, nothing between or behind parts, all tables, an end.

        `data` itself where it is plain already. Orientation, colour profiles, resolutions and previews are gone.
        """
        kept = [p for p in self.parts if p.marker not in _APPLICATION]
        jfif = next((p for p in self.parts if p.marker == _JFIF and self.body(p).startswith(b"JFIF\0")), None)
        tables = b"" if any(p.marker == _DHT for p in kept) else _USUAL_TABLES
        pieces = [self.data[p.begin : p.end] for p in kept]
        if len(kept) == len(self.parts) and not tables:
            head = b""  # no metadata: its colours are what decoders take them for by themselves
        else:
            head = self.data[jfif.begin : jfif.end] if jfif else _PLAIN_JFIF
        made = b"".join((b"\xff\xd8", head, tables, *pieces, b"\xff\xd9"))
        return self.data if made == self.data else made


def parse_jpeg(data: bytes, *, header_only: bool = False) -> JpegParts:
    """Return the parts of the first image in `data`; with `header_only` those up to the frame header.

    Raises ImageError if there is none, or one of a kind that not all decoders read.
    """
    at = len(data[:_LONGEST_PREFIX]) - len(data[:_LONGEST_PREFIX].lstrip(_PADDING))
    if not data.startswith(JPEG_BEGIN, at):
        raise ImageError(f"not a JPEG: {len(data)} bytes that begin with {data[:4].hex() or 'nothing'}")
    parts: list[Part] = []
    size: tuple[int, int, int] | None = None
    ended, at = False, at + 2
    while (found := _next_marker(data, at)) is not None:
        marker, begin = found
        if marker == _EOI or (marker == _SOI and size is not None):
            ended = marker == _EOI
            break
        at = begin + 2
        if marker in _BARE or marker == _SOI:
            continue
        if at + 2 > len(data) or (length := int.from_bytes(data[at : at + 2], "big")) < 2 or at + length > len(data):
            break
        at += length
        if marker == _SOS:
            at = _scan_end(data, at)
        elif marker in _FRAME_HEADERS:
            size = _frame_size(data, marker, begin)
        parts.append(Part(marker, begin, at))
        if header_only and size is not None:
            break
    if size is None:
        raise ImageError(f"a JPEG of {len(data)} bytes has no frame header")
    return JpegParts(data, *size, tuple(parts), ended)


def picture_end(data: bytes, begin: int) -> tuple[int, bool] | None:
    """Return where the image that begins at `begin` ends, and whether by its end marker; None if it is incomplete.

    Without an end marker it ends where the next picture begins.
    """
    at = begin + 2
    while (found := _next_marker(data, at)) is not None:
        marker, place = found
        at = place + 2
        if marker == _EOI:
            return at, True
        if marker == _SOI and data.startswith(JPEG_BEGIN, place) and place > begin + 2:
            return place, False
        if marker in _BARE or marker == _SOI:
            continue
        if at + 2 > len(data):
            return None
        at += int.from_bytes(data[at : at + 2], "big")
        if at > len(data):
            return None
        if marker == _SOS:
            at = _scan_end(data, at)
    return None


def check_size(width: int, height: int) -> None:
    """Raise ImageError, naming the size, if an image is empty or beyond MAX_PIXELS."""
    if width < 1 or height < 1 or width * height > MAX_PIXELS:
        raise ImageError(f"an image of {width}x{height}: want 1 to {MAX_PIXELS:,} pixels")


def _scan_end(data: bytes, at: int) -> int:
    """Where the coded data that begin at `at` end: at the next marker, or at the fill bytes before it."""
    found = _SCAN_END.search(data, at)
    if found is None:
        return len(data)
    end = found.start()
    while end > at and data[end - 1] == 0xFF:
        end -= 1
    return end


def _next_marker(data: bytes, at: int) -> tuple[int, int] | None:
    """The next marker's second byte and where it begins; fill bytes before it and what is no marker are skipped."""
    while (at := data.find(b"\xff", at)) >= 0 and at + 1 < len(data):
        if data[at + 1] not in (0x00, 0xFF):
            return data[at + 1], at
        at += 1
    return None


def _frame_size(data: bytes, marker: int, begin: int) -> tuple[int, int, int]:
    """(width, height, channels) from a frame header."""
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
