"""Depth videos: 12-bit codes in lossless HEVC, as LeRobot writes and reads them.

The values of `DepthScale`, in metres, are stored in the camera's `info`, and are needed to decode the depth.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from robotdata.video.codecs import DEPTH_PIX_FMT, EncodeSettings
from robotdata.video.decode import VideoDecoder
from robotdata.video.depth.packets import depth_of_packet
from robotdata.video.depth.quantize import DepthMap, dequantize_depth, quantize_depth
from robotdata.video.depth.scale import DepthScale, Unit
from robotdata.video.encode import EncodedVideo, Progress, encode_frames
from robotdata.video.errors import DecodeError, UnknownOptionError
from robotdata.video.jpeg import check_size
from robotdata.video.sources import frame_files

DEPTH_SETTINGS = EncodeSettings(
    codec="hevc", pix_fmt=DEPTH_PIX_FMT, g=2, crf=30, extra_options={"x265-params": "lossless=1"}
)


def encode_depth(
    maps: Iterable[DepthMap | bytes],
    path: Path | str,
    *,
    fps: int | float | Fraction,
    scale: DepthScale | None = None,
    settings: EncodeSettings = DEPTH_SETTINGS,
    progress: Progress | None = None,
    overwrite: bool = False,
) -> EncodedVideo:
    """Encode depth maps, or 16-bit PNG packets, as an HEVC video of 12-bit codes.

    Only the quantization loses precision. Raises EncodeError, and DecodeError for a damaged packet. Nothing is written
    if an exception is raised.
    """
    if settings.codec != "hevc" or settings.pix_fmt != DEPTH_PIX_FMT:
        raise UnknownOptionError(
            f"{settings.codec} in {settings.pix_fmt} would lose the depth: want hevc in {DEPTH_PIX_FMT} "
            "(DEPTH_SETTINGS)"
        )
    codes = (quantize_depth(depth_of_packet(each) if isinstance(each, bytes) else each, scale) for each in maps)
    return encode_codes(codes, path, fps=fps, settings=settings, progress=progress, overwrite=overwrite)


def encode_codes(
    codes: Iterable[NDArray[np.uint16]],
    path: Path | str,
    *,
    fps: int | float | Fraction,
    settings: EncodeSettings = DEPTH_SETTINGS,
    progress: Progress | None = None,
    overwrite: bool = False,
) -> EncodedVideo:
    """Encode the codes of `quantize_depth`, uint16 (H, W), as `encode_depth` does."""
    frames = map(_frame, codes)
    return encode_frames(frames, path, fps=fps, settings=settings, progress=progress, overwrite=overwrite)


def folder_depths(folder: Path) -> Iterator[DepthMap]:
    """Yield the depth maps `frame-000000.tiff` … of `folder`, by number, read one at a time.

    Raises NoFramesError, before anything is read, if there is none, and DecodeError for a file that is not a depth map.
    """
    return (_depth_file(path) for path in frame_files(folder, "tiff"))


def depth_codes(decoder: VideoDecoder, number: int) -> NDArray[np.uint16]:
    """Decode the codes of frame `number`, uint16 (H, W), 0 to 4095. Raises as `decode_depth`."""
    return codes_of_frame(decoder, decoder.native_frame(number))


def decode_depth(decoder: VideoDecoder, number: int, scale: DepthScale | None = None, *, unit: Unit = "mm") -> DepthMap:
    """Return the depth of frame `number`, (H, W): uint16 in mm or float32 in m.

    Raises IndexError, BrokenVideoError, and DecodeError if the video does not hold depth.
    """
    return dequantize_depth(depth_codes(decoder, number), scale, unit=unit)


def decode_depths(decoder: VideoDecoder, scale: DepthScale | None = None, *, unit: Unit = "mm") -> Iterator[DepthMap]:
    """Yield all frames in order, each as `decode_depth` returns it."""
    for frame in decoder.native_frames():
        yield dequantize_depth(codes_of_frame(decoder, frame), scale, unit=unit)


def _depth_file(path: Path) -> DepthMap:
    try:
        with Image.open(path, formats=["TIFF"]) as image:
            check_size(image.width, image.height)
            return np.asarray(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DecodeError(f"{path} is not a depth map: {error}") from error


def _frame(codes: NDArray[np.uint16]) -> av.VideoFrame:
    frame = av.VideoFrame(codes.shape[1], codes.shape[0], DEPTH_PIX_FMT)
    plane = frame.planes[0]
    rows = np.zeros((codes.shape[0], plane.line_size // 2), np.uint16)
    rows[:, : codes.shape[1]] = codes
    plane.update(rows.tobytes())
    return frame


def codes_of_frame(decoder: VideoDecoder, frame: av.VideoFrame) -> NDArray[np.uint16]:
    """Return the codes of an unconverted frame of `decoder`, uint16 (H, W). Raises DecodeError if it is not depth."""
    if frame.format.name != DEPTH_PIX_FMT:
        raise DecodeError(f"{decoder.path} holds {frame.format.name}, not depth ({DEPTH_PIX_FMT})")
    plane = frame.planes[0]
    rows: NDArray[np.uint16] = np.frombuffer(memoryview(plane), np.uint16)
    return rows.reshape(frame.height, plane.line_size // 2)[:, : frame.width].copy()
