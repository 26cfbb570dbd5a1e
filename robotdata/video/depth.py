"""16-bit depth <-> 12-bit codes in lossless HEVC, with LeRobot's quantisation; and a picture for people.

Depth comes in metres (floating point) or millimetres (integers). `DepthScale`'s values are metres; they go into
the camera's `info` and are needed to read the depth back.
"""

from __future__ import annotations

import io
import math
import struct
import zlib
from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from robotdata.video.codecs import EncodeSettings
from robotdata.video.decode import VideoDecoder
from robotdata.video.depth_scale import PIX_FMT, DepthScale, Unit
from robotdata.video.encode import EncodedVideo, Progress, encode_frames
from robotdata.video.errors import DecodeError, EncodeError, UnknownOptionError
from robotdata.video.jpeg import check_size
from robotdata.video.sources import frame_files

CODE_MAX = 4095
MM_PER_M = 1000.0
_PNG = b"\x89PNG\r\n\x1a\n"
_UP = 2  # PNG's filter: what differs from the row above
DepthMap = NDArray[Any]

DEPTH_SETTINGS = EncodeSettings(codec="hevc", pix_fmt=PIX_FMT, g=2, crf=30, extra_options={"x265-params": "lossless=1"})


def depth_unit(dtype: np.dtype[Any]) -> Unit:
    """`m` for floating point, `mm` for integers, as LeRobot reads them."""
    return "m" if np.issubdtype(dtype, np.floating) else "mm"


def quantize_depth(depth: DepthMap, scale: DepthScale | None = None, *, unit: Unit | None = None) -> NDArray[np.uint16]:
    """`depth`, (H, W) or (H, W, 1), as codes 0 to 4095, uint16 (H, W); outside the scale clipped.

    Computed in single precision in the unit of `depth`, as LeRobot does, so that the codes agree. Raises
    EncodeError if it is no depth map.
    """
    scale = scale or DepthScale()
    depth = np.asarray(depth)
    flat = depth[..., 0] if depth.ndim == 3 and depth.shape[2] == 1 else depth
    if flat.ndim != 2:
        raise EncodeError(f"want depth of shape (H, W) or (H, W, 1), got {depth.shape}")
    unit = _known_unit(unit or depth_unit(depth.dtype))
    if flat.dtype == np.uint16:
        return _code_table(scale, unit)[flat]
    return _codes(flat.astype(np.float32), scale, unit)


def dequantize_depth(codes: NDArray[np.uint16], scale: DepthScale | None = None, *, unit: Unit = "mm") -> DepthMap:
    """Depth from codes, the same shape: uint16 in mm, or float32 in m; codes beyond 0 to 4095 are the nearest of these.

    Raises EncodeError for another unit, or codes that are no whole numbers.
    """
    scale = scale or DepthScale()
    codes = np.asarray(codes)
    if codes.dtype.kind not in "ui":
        raise EncodeError(f"want codes, whole numbers from 0 to {CODE_MAX}, got {codes.dtype}")
    _known_unit(unit)
    table: DepthMap = _depths(scale)
    if unit == "mm":
        table = np.clip(np.rint(table * np.float32(MM_PER_M)), 0, 65535).astype(np.uint16)
    depth: DepthMap = table[np.minimum(codes, CODE_MAX) if codes.dtype.kind == "u" else np.clip(codes, 0, CODE_MAX)]
    return depth


def depth_packet(depth: DepthMap) -> bytes:
    """Encode a depth map in mm, uint16 (H, W), as the 16-bit PNG that a take holds. Raises EncodeError."""
    if depth.dtype != np.uint16 or depth.ndim != 2:
        raise EncodeError(f"want depth in mm, uint16 (H, W), got {depth.dtype} {depth.shape}")
    check_size(depth.shape[1], depth.shape[0])
    # Pillow tries every filter on every row, which takes twice the time for the same bytes.
    raw = np.ascontiguousarray(depth, ">u2").view(np.uint8)
    rows = np.empty((raw.shape[0], raw.shape[1] + 1), np.uint8)
    rows[:, 0] = _UP
    rows[0, 1:] = raw[0]
    np.subtract(raw[1:], raw[:-1], out=rows[1:, 1:])
    head = struct.pack(">IIBBBBB", depth.shape[1], depth.shape[0], 16, 0, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows.data, 1)), (b"IEND", b""))
    return _PNG + b"".join(_chunk(name, data) for name, data in parts)


def depth_of_packet(packet: bytes) -> NDArray[np.uint16]:
    """Decode the depth map of a 16-bit PNG, uint16 (H, W). Raises DecodeError if it is not one."""
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
    """(width, height) of a depth packet, from its header alone. Raises DecodeError if it is no 16-bit gray PNG."""
    if packet[:8] != _PNG or packet[12:16] != b"IHDR" or packet[24:26] != bytes([16, 0]):
        raise DecodeError(f"no 16-bit PNG of one channel: {len(packet)} bytes that begin with {packet[:4].hex()}")
    width, height = struct.unpack_from(">II", packet, 16)
    return int(width), int(height)


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
    """Depth maps, or 16-bit PNG packets, to an HEVC video of 12-bit codes; lossless after the quantisation.

    Raises EncodeError, DecodeError for a damaged packet; nothing is written then.
    """
    if settings.codec != "hevc" or settings.pix_fmt != PIX_FMT:
        raise UnknownOptionError(
            f"{settings.codec} in {settings.pix_fmt} would lose the depth: want hevc in {PIX_FMT} (DEPTH_SETTINGS)"
        )
    codes = (quantize_depth(depth_of_packet(one) if isinstance(one, bytes) else one, scale) for one in maps)
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
    """Yield the depth maps in `frame-000000.tiff` … of `folder`, in the order of their numbers, read one at a time.

    Raises NoFramesError, before anything is read, where there is none, and DecodeError for a file that is none.
    """
    return (_depth_file(path) for path in frame_files(folder, "tiff"))


def depth_codes(decoder: VideoDecoder, number: int) -> NDArray[np.uint16]:
    """Decode the codes of frame `number`, uint16 (H, W), 0 to 4095. Raises as `decode_depth`."""
    return codes_of_frame(decoder, decoder.native_frame(number))


def decode_depth(decoder: VideoDecoder, number: int, scale: DepthScale | None = None, *, unit: Unit = "mm") -> DepthMap:
    """Depth of frame `number`, (H, W): uint16 in mm or float32 in m.

    Raises IndexError, BrokenVideoError, and DecodeError if the video holds no depth.
    """
    return dequantize_depth(depth_codes(decoder, number), scale, unit=unit)


def decode_depths(decoder: VideoDecoder, scale: DepthScale | None = None, *, unit: Unit = "mm") -> Iterator[DepthMap]:
    """Yield all frames in order, each as `decode_depth` returns it."""
    for frame in decoder.native_frames():
        yield dequantize_depth(codes_of_frame(decoder, frame), scale, unit=unit)


def depth_picture(depth: DepthMap, near: float | None = None, far: float | None = None) -> NDArray[np.uint8]:
    """Depth of any unit, (H, W), as a picture for people, uint8 (H, W, 3): near red, far blue, none black.

    `near` and `far` default to the 2nd and 98th percentile of what is above 0.
    """
    values = np.asarray(depth, np.float32)
    known = np.isfinite(values) & (values > 0)
    if not known.any():
        return np.zeros((*values.shape, 3), np.uint8)
    low, high = np.percentile(values[known], [2, 98])
    near, far = (low if near is None else near), (high if far is None else far)
    place = np.clip((values - near) / max(float(far) - float(near), 1e-6), 0, 1)
    rgb = np.take(_palette(), np.nan_to_num(place * 255).astype(np.uint8), axis=0)
    rgb[~known] = 0
    return rgb


@lru_cache(maxsize=8)
def _code_table(scale: DepthScale, unit: Unit) -> NDArray[np.uint16]:
    """The code of all that a 16-bit sensor can say: looked up, not computed for each pixel."""
    return _codes(np.arange(2**16, dtype=np.float32), scale, unit)


def _codes(depth: NDArray[np.float32], scale: DepthScale, unit: Unit) -> NDArray[np.uint16]:
    factor = 1.0 if unit == "m" else MM_PER_M
    low, high = np.float32(scale.depth_min * factor), np.float32(scale.depth_max * factor)
    if scale.use_log:
        shift = np.float32(scale.shift * factor)
        start, end = math.log(float(low + shift)), math.log(float(high + shift))
        with np.errstate(invalid="ignore", divide="ignore"):
            part = (np.log(depth + shift) - start) / (end - start)
    else:
        part = (depth - low) / (high - low)
    # A pixel without a measurement (NaN) is as near as can be, as 0 is.
    codes: NDArray[np.float32] = np.rint(np.nan_to_num(part.clip(0, 1), nan=0.0) * CODE_MAX)
    return codes.astype(np.uint16)


@lru_cache(maxsize=8)
def _depths(scale: DepthScale) -> NDArray[np.float32]:
    """Depth in metres of every code, float32 (4096,)."""
    codes = np.arange(CODE_MAX + 1, dtype=np.float64)
    if scale.use_log:
        start, end = math.log(scale.depth_min + scale.shift), math.log(scale.depth_max + scale.shift)
        steps = (codes * ((end - start) / CODE_MAX)).astype(np.float32)
        depth = np.exp(steps + np.float32(start)) - np.float32(scale.shift)
    else:
        steps = (codes * ((scale.depth_max - scale.depth_min) / CODE_MAX)).astype(np.float32)
        depth = steps + np.float32(scale.depth_min)
    clipped: NDArray[np.float32] = depth.clip(np.float32(scale.depth_min), np.float32(scale.depth_max))
    return clipped


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(name)))


def _known_unit(unit: Unit) -> Unit:
    if unit not in ("m", "mm"):
        raise EncodeError(f"depth unit {unit!r}: want m or mm")
    return unit


def _depth_file(path: Path) -> DepthMap:
    try:
        with Image.open(path, formats=["TIFF"]) as image:
            check_size(image.width, image.height)
            return np.asarray(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DecodeError(f"{path} is not a depth map: {error}") from error


def _frame(codes: NDArray[np.uint16]) -> av.VideoFrame:
    frame = av.VideoFrame(codes.shape[1], codes.shape[0], PIX_FMT)
    plane = frame.planes[0]
    rows = np.zeros((codes.shape[0], plane.line_size // 2), np.uint16)
    rows[:, : codes.shape[1]] = codes
    plane.update(rows.tobytes())
    return frame


def codes_of_frame(decoder: VideoDecoder, frame: av.VideoFrame) -> NDArray[np.uint16]:
    """Return the codes of an unconverted frame of `decoder`, uint16 (H, W). Raises DecodeError if it is not depth."""
    if frame.format.name != PIX_FMT:
        raise DecodeError(f"{decoder.path} holds {frame.format.name}, not depth ({PIX_FMT})")
    plane = frame.planes[0]
    rows: NDArray[np.uint16] = np.frombuffer(memoryview(plane), np.uint16)
    return rows.reshape(frame.height, plane.line_size // 2)[:, : frame.width].copy()


def _palette() -> NDArray[np.uint8]:
    """256 colours from red through yellow, green and cyan to blue, uint8 (256, 3)."""
    stops = np.linspace(0, 1, 5)
    colours = np.array([[255, 40, 40], [255, 220, 0], [40, 200, 80], [0, 190, 230], [50, 60, 230]], np.float32)
    place = np.linspace(0, 1, 256)
    return np.stack([np.interp(place, stops, colours[:, c]) for c in range(3)], axis=1).astype(np.uint8)
