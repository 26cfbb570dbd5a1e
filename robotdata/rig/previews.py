"""The binary messages of a rig: pictures of watched cameras, each a header and a JPEG (docs/rig-protocol.md)."""

from __future__ import annotations

import struct

from robotdata.rig.messages import VERSION, ProtocolError

MAX_BINARY_BYTES = 8 << 20
PREVIEW = struct.Struct("!BBxxIQ")
"""The header before a preview's JPEG: version, camera index in `hello`, sequence number, capture time (unix ns)."""


def pack_preview(camera: int, seq: int, wall_ns: int, jpeg: bytes) -> bytes:
    """Return a preview frame: the PREVIEW header, then the JPEG."""
    return PREVIEW.pack(VERSION, camera, seq & 0xFFFFFFFF, wall_ns) + jpeg


def unpack_preview(data: bytes) -> tuple[int, int, int, bytes]:
    """Return (camera index, seq, wall_ns, jpeg) of a preview frame. Raises ProtocolError."""
    if len(data) <= PREVIEW.size or len(data) > MAX_BINARY_BYTES:
        raise ProtocolError(f"a preview of {len(data)} bytes, want {PREVIEW.size + 1} to {MAX_BINARY_BYTES}")
    version, camera, seq, wall_ns = PREVIEW.unpack_from(data)
    if version != VERSION:
        raise ProtocolError(f"a preview of version {version}, want {VERSION}")
    return camera, seq, wall_ns, data[PREVIEW.size :]
