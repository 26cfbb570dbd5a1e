"""Encode and decode the depth maps of a take, which are 16-bit PNG packets."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from robotdata.video.depth.quantize import DepthMap
from robotdata.video.errors import DecodeError, EncodeError
from robotdata.video.jpeg import check_size

_PNG = b"\x89PNG\r\n\x1a\n"
_UP = 2  # the PNG filter Up: the difference to the row above


def depth_packet(depth: DepthMap) -> bytes:
    """Encode a depth map in mm, uint16 (H, W), as a 16-bit PNG. Raises EncodeError."""
    if depth.dtype != np.uint16 or depth.ndim != 2:
        raise EncodeError(f"want depth in mm, uint16 (H, W), got {depth.dtype} {depth.shape}")
    check_size(depth.shape[1], depth.shape[0])
    # Pillow tries every filter on every row, which takes twice as long and saves no bytes.
    raw = np.ascontiguousarray(depth, ">u2").view(np.uint8)
    rows = np.empty((raw.shape[0], raw.shape[1] + 1), np.uint8)
    rows[:, 0] = _UP
    rows[0, 1:] = raw[0]
    np.subtract(raw[1:], raw[:-1], out=rows[1:, 1:])
    head = struct.pack(">IIBBBBB", depth.shape[1], depth.shape[0], 16, 0, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows.data, 1)), (b"IEND", b""))
    return _PNG + b"".join(_chunk(name, data) for name, data in parts)


def depth_of_packet(packet: bytes) -> NDArray[np.uint16]:
    """Decode a 16-bit PNG to a depth map in mm, uint16 (H, W). Raises DecodeError."""
    try:
        with Image.open(io.BytesIO(packet), formats=["PNG"]) as image:
            check_size(image.width, image.height)
            depth = np.asarray(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DecodeError(f"a depth packet of {len(packet)} bytes is damaged: {error}") from error
    if depth.dtype != np.uint16 or depth.ndim != 2:
        raise DecodeError(f"want a 16-bit PNG of one channel, got {depth.dtype} {depth.shape}")
    return depth


def depth_size(packet: bytes) -> tuple[int, int]:
    """Return (width, height) from the header of a depth packet. Raises DecodeError if it is not a 16-bit gray PNG."""
    if packet[:8] != _PNG or packet[12:16] != b"IHDR" or packet[24:26] != bytes([16, 0]):
        raise DecodeError(f"not a 16-bit PNG of one channel: {len(packet)} bytes that begin with {packet[:4].hex()}")
    width, height = struct.unpack_from(">II", packet, 16)
    return int(width), int(height)


def _chunk(name: bytes, data: bytes) -> bytes:
    """Return a PNG chunk."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(name)))
