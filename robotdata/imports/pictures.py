"""Make the packets of a camera: compressed pictures pass as they are, raw ones become JPEG, depth becomes PNG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.imports.errors import BadSource
from robotdata.imports.streams import Message
from robotdata.video.depth.packets import depth_packet, depth_size
from robotdata.video.errors import VideoError
from robotdata.video.jpeg import encode_jpeg
from robotdata.video.jpeg_door import JpegDoor
from robotdata.video.jpeg_parts import ImageError
from robotdata.video.png import MAGIC, decode_png


class Pictures:
    """Turns the messages of one camera into packets of one size. `camera` holds codec, width and height."""

    def __init__(self, path: Path, name: str, camera: dict[str, Any], *, is_depth: bool, order: str) -> None:
        self._path, self._name = path, name
        self._camera, self._is_depth, self._order = camera, is_depth, order
        self._door = JpegDoor()

    def packet(self, message: Message) -> bytes:
        """Return the packet. Raises BadSource if the picture is damaged or of another size than the first."""
        try:
            packet, width, height = self._make(message.value)
        except (ImageError, VideoError) as error:
            where = f"{message.path} at {message.time_ns / 1e9:.3f} s"
            raise BadSource(self._path, f"has a bad picture in {where}: {error}") from error
        wanted = self._camera["width"], self._camera["height"]
        if (width, height) != wanted:
            raise BadSource(
                self._path,
                f"has a picture of {width} x {height} in {message.path} at {message.time_ns / 1e9:.3f} s, but its "
                f"first has {wanted[0]} x {wanted[1]}: leave {self._name} out, or cut the file there",
            )
        return packet

    def _make(self, value: NDArray[Any] | bytes | str) -> tuple[bytes, int, int]:
        if isinstance(value, bytes):
            return self._compressed(value)
        picture = np.asarray(value)
        if self._is_depth:
            depth = picture[:, :, 0] if picture.ndim == 3 else picture
            return depth_packet(np.ascontiguousarray(depth, np.uint16)), depth.shape[1], depth.shape[0]
        rgb = rgb_of(picture, self._order)
        return encode_jpeg(rgb), rgb.shape[1], rgb.shape[0]

    def _compressed(self, data: bytes) -> tuple[bytes, int, int]:
        if self._is_depth:
            return data, *depth_size(data)
        if data.startswith(MAGIC):
            rgb = decode_png(data)  # checks all of it
            packet = data if self._camera["codec"] == "png" else encode_jpeg(rgb)
            return packet, rgb.shape[1], rgb.shape[0]
        parts = self._door.admit(data)
        return parts.data, parts.width, parts.height


def rgb_of(picture: NDArray[Any], order: str = "rgb") -> NDArray[np.uint8]:
    """Return a raw picture as uint8 (H, W, 3): gray repeated, transparency dropped, floats of 0 to 255 rounded.

    Raises ImageError for other values and shapes.
    """
    if picture.ndim == 2:
        picture = picture[:, :, None]
    if picture.ndim != 3 or picture.shape[2] not in (1, 3, 4):
        raise ImageError(f"want a picture (H, W, 3), got {picture.shape}")
    if picture.dtype.kind == "f":
        if not np.isfinite(picture).all() or picture.min() < -0.5 or picture.max() > 255.5:
            raise ImageError("its numbers are not all between 0 and 255")
        picture = np.rint(picture)
    elif picture.dtype != np.uint8:
        raise ImageError(f"want a picture of 8 bits a channel, got {picture.dtype}")
    picture = picture.astype(np.uint8)
    if picture.shape[2] == 1:
        return np.repeat(picture, 3, axis=2)
    channels = [2, 1, 0] if order == "bgr" else [0, 1, 2]
    return np.ascontiguousarray(picture[:, :, channels])
