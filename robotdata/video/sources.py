"""Convert images of any kind to FFmpeg frames in the encoder's pixel format.

JPEG packets stay YUV: their full-range planes are converted to limited range, never to RGB.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import av
import numpy as np
from av.video.reformatter import ColorRange, VideoReformatter
from numpy.typing import NDArray
from PIL import Image

from robotdata.video.colours import is_plain, to_rgb
from robotdata.video.errors import BrokenFrameError, FrameSizeError, NoFramesError
from robotdata.video.jpeg import MAX_PIXELS, ImageError
from robotdata.video.limited_range import LimitedRange
from robotdata.video.packets import StoredPacket, read_packets
from robotdata.video.png import decode_png

Picture: TypeAlias = "bytes | NDArray[np.uint8] | Image.Image | av.VideoFrame"
"""A JPEG or PNG packet, an RGB array uint8 (H, W, 3), a PIL image, or a decoded frame."""

log = logging.getLogger(__name__)

_JPEG = b"\xff\xd8\xff"
_PNG = b"\x89PNG\r\n\x1a\n"
_FRAME_NAME = re.compile("frame-([0-9]{6}|[1-9][0-9]{6,})")


def folder_pictures(folder: Path | str) -> Iterator[bytes]:
    """Yield the files `frame-000000.png` … of `folder`, by number, read one at a time.

    Raises NoFramesError, before anything is read, if there is none.
    """
    return (path.read_bytes() for path in frame_files(Path(folder), "png"))


def frame_files(folder: Path, kind: str) -> list[Path]:
    """Return `frame-000000.<kind>` … of `folder`, by number. Raises NoFramesError if there is none.

    Missing numbers between two others are logged as a warning, because later frames are then shown too early.
    """
    numbered = {
        int(name[1]): path for path in folder.glob(f"frame-*.{kind}") if (name := _FRAME_NAME.fullmatch(path.stem))
    }
    numbers = sorted(numbered)
    if not numbers:
        if folder.is_dir():
            list(folder.iterdir())  # raises PermissionError if the folder is not readable
        raise NoFramesError(f"{folder} holds no frame-000000.{kind}; nothing to encode")
    expected = numbers[-1] - numbers[0] + 1
    if missing := expected - len(numbers):
        last = numbered[next(n for n in numbers if n + 1 not in numbered)]
        log.warning("%s lacks %d of %d frames, the first after %s", folder, missing, expected, last.name)
    return [numbered[n] for n in numbers]


def packet_file(path: Path | str) -> Iterator[bytes]:
    """Yield the packets of a camera file of a take, in order, read one at a time.

    Raises NoFramesError if it has none, and PacketFileError if it is not a packet file.
    """
    path = Path(path)
    stored = list(read_packets(path))
    if not stored:
        raise NoFramesError(f"{path} holds no frames; nothing to encode")
    return _payloads(path, stored)


def _payloads(path: Path, stored: list[StoredPacket]) -> Iterator[bytes]:
    with path.open("rb") as file:
        for packet in stored:
            yield os.pread(file.fileno(), packet.size, packet.offset)


class FrameConverter:
    """Converts images to frames of one pixel format. All must have the size of the first image."""

    def __init__(self) -> None:
        self._jpeg: Any = None
        self._reformatter = VideoReformatter()
        self._colours = VideoReformatter()
        self._limited = LimitedRange()
        self._count = 0
        self.size: tuple[int, int] | None = None

    def open(self, picture: Picture) -> av.VideoFrame:
        """Decode the next image, and keep its pixel format.

        Raises BrokenFrameError if it cannot be read, FrameSizeError if its size differs from the first one.
        """
        number = self._count
        frame = self._frame_of(picture, number)
        size = (frame.width, frame.height)
        if self.size is not None and size != self.size:
            raise FrameSizeError(
                f"frame {number} is {size[0]}x{size[1]}, those before are {self.size[0]}x{self.size[1]}; "
                "a video has one size: encode the parts separately"
            )
        self.size = size
        self._count += 1
        return frame

    def frames(
        self, picture: Picture, opened: av.VideoFrame, others: Iterable[Picture], pix_fmt: str
    ) -> Iterator[av.VideoFrame]:
        """Yield the converted frames of `picture`, which is `opened` already, and of `others`.

        A packet that equals the one before, as from a camera slower than the loop, is not decoded again.
        """
        converted = self.convert(opened, pix_fmt)
        yield converted
        for other in others:
            if isinstance(other, bytes) and isinstance(picture, bytes) and other == picture:
                self._count += 1
            else:
                converted = self.convert(self.open(other), pix_fmt)
            picture = other
            yield converted

    def convert(self, frame: av.VideoFrame, pix_fmt: str) -> av.VideoFrame:
        """Return `frame` in `pix_fmt`, limited range, BT.601. The scaler's tables are kept between calls."""
        if not is_plain(frame):
            frame = to_rgb(self._colours, frame)
        if frame.format.name == pix_fmt:
            converted = frame
        elif frame.format.name == "yuvj420p" and pix_fmt == "yuv420p":
            converted = self._limited.convert(frame)
            converted.color_range = ColorRange.MPEG
        elif frame.format.name.startswith("yuvj"):
            converted = self._reformatter.reformat(
                frame,
                format=pix_fmt,
                interpolation="FAST_BILINEAR",
                src_color_range=ColorRange.JPEG,
                dst_color_range=ColorRange.MPEG,
            )
            converted.color_range = ColorRange.MPEG
        else:
            converted = self._reformatter.reformat(frame, format=pix_fmt)
        # A decoded frame has the type I, which would force a keyframe.
        converted.pict_type = 0
        return converted

    def _frame_of(self, picture: Picture, number: int) -> av.VideoFrame:
        if isinstance(picture, av.VideoFrame):
            return picture
        if isinstance(picture, bytes | bytearray | memoryview):
            return self._decode(bytes(picture), number)
        if isinstance(picture, Image.Image):
            return _frame_of_image(picture, number)
        if not hasattr(picture, "dtype"):
            raise BrokenFrameError(
                f"frame {number} is a {type(picture).__name__}: want an array uint8 (H, W, 3), a PIL image, or the "
                "bytes of a JPEG or PNG",
                number,
            )
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
            raise BrokenFrameError(
                f"frame {number}: want uint8 (H, W, 3), got {picture.dtype} {tuple(picture.shape)}", number
            )
        return av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")

    def _decode(self, packet: bytes, number: int) -> av.VideoFrame:
        if packet.startswith(_PNG):
            return _decode_png(packet, number)
        if not packet.startswith(_JPEG):
            raise BrokenFrameError(
                f"frame {number} is neither JPEG nor PNG: {len(packet)} bytes that begin with "
                f"{packet[:4].hex() or 'nothing'}",
                number,
            )
        if self._jpeg is None:
            self._jpeg = av.CodecContext.create("mjpeg", "r")
            self._jpeg.thread_count = 1
            # Raise an error for an incomplete image instead of filling it with gray.
            self._jpeg.options = {"err_detect": "explode", "max_pixels": str(MAX_PIXELS)}
        try:
            frames: list[av.VideoFrame] = self._jpeg.decode(av.Packet(packet))
        except av.error.FFmpegError as error:
            raise _broken(packet, number, error) from error
        if len(frames) != 1:
            raise _broken(packet, number, f"{len(frames)} images in one packet")
        return frames[0]


def _decode_png(packet: bytes, number: int) -> av.VideoFrame:
    try:
        return av.VideoFrame.from_ndarray(np.ascontiguousarray(decode_png(packet)), format="rgb24")
    except ImageError as error:
        raise _broken(packet, number, error) from error


def _frame_of_image(image: Image.Image, number: int) -> av.VideoFrame:
    if image.mode[0] in "IF":
        raise BrokenFrameError(
            f"frame {number} has {image.mode!r} pixels, more than 8 bits each: that is depth, use encode_depth", number
        )
    return av.VideoFrame.from_ndarray(np.asarray(image.convert("RGB")), format="rgb24")


def _broken(packet: bytes, number: int, why: object) -> BrokenFrameError:
    """Return the error for a damaged packet."""
    return BrokenFrameError(f"frame {number}, a packet of {len(packet)} bytes, is damaged: {why}", number)
