"""JPEGs as cameras, phones and programs make them, and damaged ones, all of one picture."""

from __future__ import annotations

import io
import struct

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def save(rgb: NDArray[np.uint8], mode: str = "RGB", **options: object) -> bytes:
    """`rgb` as Pillow's JPEG of quality 95, in the colour mode `mode`."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).convert(mode).save(buffer, "JPEG", quality=95, **options)
    return buffer.getvalue()


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def with_segments(data: bytes, *segments: bytes) -> bytes:
    """`data` with further segments at its beginning."""
    return data[:2] + b"".join(segments) + data[2:]


def header(data: bytes) -> list[tuple[int, int, int]]:
    """(marker, begin, end) of each segment up to the first scan's."""
    at, found = 2, []
    while not found or found[-1][0] != 0xDA:
        end = at + 2 + struct.unpack_from(">H", data, at + 2)[0]
        found.append((data[at + 1], at, end))
        at = end
    return found


def without(data: bytes, *markers: int) -> bytes:
    segments = header(data)
    kept = b"".join(data[begin:end] for marker, begin, end in segments if marker not in markers)
    return data[:2] + kept + data[segments[-1][2] :]


def patched(data: bytes, at: int, by: bytes) -> bytes:
    return data[:at] + by + data[at + len(by) :]


def adobe(transform: int) -> bytes:
    return segment(0xEE, b"Adobe" + struct.pack(">HHHB", 100, 0, 0, transform))


def exif(orientation: int, thumbnail: bytes = b"") -> bytes:
    """The EXIF segment of a camera that says how it was held, perhaps with a preview of another picture."""
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    return segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 1) + entry + b"\0\0\0\0" + thumbnail)


def whole(rgb: NDArray[np.uint8]) -> dict[str, bytes]:
    """JPEGs that libjpeg and FFmpeg both read whole, to the same picture."""
    base = save(rgb, subsampling="4:2:0")
    small = save(np.ascontiguousarray(rgb[:32, :32]))
    return {
        "as Pillow makes it": base,
        "4:2:2": save(rgb, subsampling="4:2:2"),
        "4:4:4": save(rgb, subsampling="4:4:4"),
        "progressive": save(rgb, progressive=True),
        "restart markers": save(rgb, restart_marker_blocks=1),
        "restart markers by the row": save(rgb, restart_marker_rows=1),
        "own Huffman tables": save(rgb, optimize=True),
        "grey": save(rgb, "L"),
        "stored as RGB": save(rgb, keep_rgb=True),
        "a colour profile": save(rgb, icc_profile=b"x" * 200),
        "a resolution": save(rgb, dpi=(72, 144)),
        "a comment": save(rgb, comment=b"front"),
        "a preview in EXIF": with_segments(base, exif(1, small)),
        "a preview in JFXX": base[:20] + segment(0xE0, b"JFXX\0\x10" + small) + base[20:],
        "no Huffman tables": without(base, 0xC4),
        "no Huffman tables, AVI1": with_segments(without(base, 0xC4, 0xE0), segment(0xE0, b"AVI1" + b"\0" * 10)),
        "no JFIF": without(base, 0xE0),
        "Adobe's YCC": with_segments(without(base, 0xE0), adobe(1)),
        "Adobe's RGB, but JFIF": with_segments(base, adobe(0)),
        "fill bytes before a marker": base[:2] + b"\xff\xff\xff" + base[2:],
        "fill bytes before the end": base[:-2] + b"\xff\xff" + base[-2:],
        "zeros behind the end": base + b"\0" * 100,
        "ones behind the end": base + b"\xff" * 50,
        "words behind the end": base + b"\r\n--boundary",
        "another picture behind the end": base + small,
        "rubbish between segments": base[:20] + b"\0\1\2" + base[20:],
        "two beginnings": base[:2] + base,
        "rubbish before the beginning": b"\0\0\r\n" + base,
        "only its end marker is missing": base[:-2],
    }


def broken(rgb: NDArray[np.uint8]) -> dict[str, bytes]:
    """JPEGs that are not whole, or that decoders make different pictures of."""
    base = save(rgb, subsampling="4:2:0")
    half = base[: len(base) // 2]
    rows = save(rgb, restart_marker_rows=1)
    frame = next(begin for marker, begin, _ in header(base) if marker == 0xC0)
    scan = header(base)[-1][2]
    first, second = rows.index(b"\xff\xd1"), rows.index(b"\xff\xd2")
    return {
        "nothing": b"",
        "its beginning alone": base[:2],
        "its header alone": base[:scan],
        "a header and an end": base[:scan] + b"\xff\xd9",
        **{f"cut {n} bytes before its end": base[: -2 - n] for n in (1, 2, 10, 100)},
        "cut in the middle": half,
        "cut in the middle, and ended": half + b"\xff\xd9",
        "cut in the middle, zeros": half + b"\0" * len(half),
        "cut in the middle, zeros, and ended": half + b"\0" * len(half) + b"\xff\xd9",
        "cut in the middle, another one behind": half + base,
        "cut progressive": save(rgb, progressive=True)[:-200],
        "overwritten": patched(base, scan + 200, bytes(range(60))),
        "a row is lost": rows[:first] + rows[second:],
        "a wrong restart marker": patched(rows, first + 1, b"\xd3"),
        "no height": patched(base, frame + 5, b"\0\0"),
        "a bomb": patched(base, frame + 5, b"\xff\xff\xff\xff"),
        "CMYK": save(rgb, "CMYK"),
        "arithmetic": patched(base, frame + 1, b"\xc9"),
        "lossless": patched(base, frame + 1, b"\xc3"),
        "12 bits": patched(base, frame + 4, b"\x0c"),
        "a PNG": b"\x89PNG\r\n\x1a\n" + base,
    }
