"""Decoding backends: PyAV, and optional packages that are imported only when requested.

A backend takes (decoder, frame numbers) and returns RGB frames, uint8 (H, W, 3), in the order of the numbers. The
decoder's index maps times to frame numbers for all backends, so they cannot disagree about it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeAlias

import av
import numpy as np
from numpy.typing import NDArray

from robotdata.video.decode import VideoDecoder
from robotdata.video.errors import BackendMissingError, DecodeError, VideoError

log = logging.getLogger(__name__)

Rgb: TypeAlias = "NDArray[np.uint8]"
_TOLERANCE_S = 1e-4
"""Timestamps of a backend may differ by this from those of the index."""


def decode_with(backend: str, decoder: VideoDecoder, numbers: Sequence[int]) -> list[Rgb]:
    """Decode frames `numbers` with the named backend; return one RGB array, uint8 (H, W, 3), per number.

    Raises DecodeError for an unknown name or a video that the backend cannot read, and BackendMissingError, which says
    what to install, if the backend's package does not load.
    """
    require_known(backend)
    if not numbers:
        return []
    unique = sorted(set(numbers))
    try:
        frames = dict(zip(unique, BACKENDS[backend](decoder, unique), strict=True))
    except (VideoError, OSError):
        raise
    except (RuntimeError, IndexError, ValueError) as error:
        which = f"frames {unique[0]} to {unique[-1]}"
        raise DecodeError(f"{decoder.path}: {backend} cannot read {which}, try pyav: {error}") from error
    return [frames[number] for number in numbers]


def require_known(backend: str) -> None:
    """Raise DecodeError if there is no backend of that name."""
    if backend not in BACKENDS:
        raise DecodeError(f"backend {backend!r}: expected one of {', '.join(BACKENDS)}")


@lru_cache(maxsize=2)
def automatic_backend(tensor: bool) -> str:
    """Return `torchcodec` for tensors if it is installed and loads, else `pyav`.

    The log names the choice and its reason.
    """
    if not tensor:
        log.info("video backend: pyav (for arrays)")
        return "pyav"
    if find_spec("torchcodec") is None:
        log.info("video backend: pyav (torchcodec is not installed)")
        return "pyav"
    try:
        _require("torchcodec.decoders", "torchcodec")
    except BackendMissingError as error:
        log.warning("video backend: pyav (%s)", error)
        return "pyav"
    log.info("video backend: torchcodec")
    return "torchcodec"


def require_torch() -> Any:
    """Return the module torch. Raises BackendMissingError."""
    return _require("torch", "torch")


def _require(module: str, package: str) -> Any:
    """Import a module of an optional package. Raises BackendMissingError, which says what to install."""
    try:
        return import_module(module)
    except (ImportError, OSError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise BackendMissingError(f"{module} does not load ({reason}); run `pip install {package}`") from error


def _pyav(decoder: VideoDecoder, numbers: Sequence[int]) -> Iterable[Rgb]:
    """Decode with PyAV."""
    return [decoder.frame(number) for number in numbers]


def _torchcodec(decoder: VideoDecoder, numbers: Sequence[int]) -> Iterable[Rgb]:
    """Decode with torchcodec, or with PyAV where torchcodec would return other pixels or frames."""
    module = _require("torchcodec.decoders", "torchcodec")
    if _more_than_eight_bits(decoder.index.pix_fmt):
        return _pyav_instead(decoder, numbers, "rounds more than eight bits differently")
    # torchcodec opens a long file much more slowly than it decodes a frame, so the reader is kept with the decoder.
    with decoder.open_with(lambda path: module.VideoDecoder(str(path), dimension_order="NHWC")) as reader:
        rotation = getattr(getattr(reader, "metadata", None), "rotation", None)
        batch = None if rotation else reader.get_frames_at(indices=list(numbers))
    if batch is None:
        return _pyav_instead(decoder, numbers, "rotates frames, which must be returned as stored")
    times = [decoder.index.time_s(number) for number in numbers]
    if np.abs(np.asarray(batch.pts_seconds) - times).max() > _TOLERANCE_S:
        return _pyav_instead(decoder, numbers, "numbers the frames differently")
    return list(batch.data.numpy())


def _pyav_instead(decoder: VideoDecoder, numbers: Sequence[int], reason: str) -> Iterable[Rgb]:
    """Log why torchcodec is not used, and decode with PyAV."""
    log.info("%s: torchcodec %s; using pyav", decoder.path, reason)
    return _pyav(decoder, numbers)


@lru_cache(maxsize=64)
def _more_than_eight_bits(pix_fmt: str) -> bool:
    """Return whether the pixel format has more than eight bits per component."""
    return bool(pix_fmt) and av.VideoFormat(pix_fmt).components[0].bits > 8


def _video_reader(decoder: VideoDecoder, numbers: Sequence[int]) -> Iterable[Rgb]:
    """Decode with torchvision's VideoReader, which torchvision 0.24 removed."""
    io = _require("torchvision.io", "torchvision")
    if not hasattr(io, "VideoReader"):
        raise BackendMissingError(
            "this torchvision no longer has VideoReader; run `pip install 'torchvision<0.24'`, or use pyav"
        )
    reader = io.VideoReader(str(decoder.path), "video")
    times = [decoder.index.time_s(number) for number in numbers]
    reader.seek(max(0.0, times[0] - _TOLERANCE_S), keyframes_only=True)
    frames: list[Rgb] = []
    for frame in reader:
        if frame["pts"] >= times[len(frames)] - _TOLERANCE_S:
            frames.append(frame["data"].permute(1, 2, 0).numpy())
        if len(frames) == len(times):
            break
    return frames


def _npu(decoder: VideoDecoder, numbers: Sequence[int]) -> Iterable[Rgb]:
    """Decode with torchvision on an Ascend NPU."""
    _require("torch_npu", "torch_npu")
    _require("torchvision_npu", "torchvision_npu")
    torchvision = _require("torchvision", "torchvision")
    previous_backend = torchvision.get_video_backend()
    torchvision.set_video_backend("npu")
    try:
        first, last = numbers[0], numbers[-1]
        start = max(0.0, decoder.index.time_s(first) - _TOLERANCE_S)
        frames, _, _ = torchvision.io.read_video(
            str(decoder.path), start, decoder.index.time_s(last) + _TOLERANCE_S, pts_unit="sec"
        )
    finally:
        torchvision.set_video_backend(previous_backend)
    return [frames[number - first].cpu().numpy() for number in numbers]


BACKENDS: dict[str, Callable[[VideoDecoder, Sequence[int]], Iterable[Rgb]]] = {
    "pyav": _pyav,
    "torchcodec": _torchcodec,
    "video_reader": _video_reader,
    "npu": _npu,
}
