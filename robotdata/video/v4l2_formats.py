"""Choose the format, size and rate to request from a V4L2 camera."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

NAMES = {
    "mjpeg": ("MJPG", "JPEG"),
    "nv12": ("NV12",),
    "yuyv": ("YUYV",),
    "uyvy": ("UYVY",),
    "yuv420": ("YU12",),
    "rgb": ("RGB3",),
    "bgr": ("BGR3",),
    "grey": ("GREY",),
    "h264": ("H264",),
}
"""Formats by their names in a rig file, with V4L2's codes; the best first.

JPEG is stored unchanged and needs the least bandwidth; raw pixels lose nothing; H.264 arrives late and in groups.
"""
_FFMPEG = {"yuyv": "yuyv422", "uyvy": "uyvy422", "yuv420": "yuv420p", "rgb": "rgb24", "bgr": "bgr24", "grey": "gray"}
_SLACK = 0.01
"""Relative tolerance of rates, because some drivers report 29.97 for 30."""
_MAX_LISTED = 12


@dataclass(frozen=True, slots=True)
class Steps:
    """Values from `low` to `high` in steps of `step`; a single value if both are equal."""

    low: float
    high: float
    step: float = 0

    def holds(self, value: float) -> bool:
        """Return whether the range contains `value`."""
        if not self.low <= value <= self.high:
            return False
        return not self.step or abs((value - self.low) / self.step - round((value - self.low) / self.step)) < 1e-6


@dataclass(frozen=True, slots=True)
class Mode:
    """One size of one format. `code`: V4L2's four letters. `rates`: frames per second; empty if unknown."""

    code: str
    width: Steps
    height: Steps
    rates: tuple[Steps, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """What to request from the camera: FFmpeg's format name, the size, and the rate in frames per second."""

    input_format: str
    width: int
    height: int
    fps: float


class NothingFits(ValueError):
    """No format of the camera has the requested size and rate. The message says what the camera offers."""


def choose(
    modes: Sequence[Mode], width: int, height: int, fps: float, *, pixel_format: str = "", any_size: bool = False
) -> Choice:
    """Return the best of `modes` with `width` x `height` at `fps`, or else at the next higher rate.

    `pixel_format`, a key of NAMES, allows only that format. With `any_size`, if the size is not available, the nearest
    larger size is chosen, or else the largest. Raises NothingFits.
    """
    usable = [mode for mode in modes if format_name(mode.code) and pixel_format in ("", format_name(mode.code))]
    sized = [(mode, width, height) for mode in usable if mode.width.holds(width) and mode.height.holds(height)]
    if not sized and any_size:
        sized = _other_sizes(usable, width, height)
    candidates = []
    for mode, wide, high in sized:
        if (rate := _rate(mode.rates, fps)) is not None:
            faster = rate if rate > fps * (1 + _SLACK) else 0.0
            choice = Choice(_ffmpeg_name(mode), wide, high, rate)
            candidates.append((faster, list(NAMES).index(format_name(mode.code)), choice))
    if not candidates:
        request = f"{width}x{height} at {fps:g} frames per second" + (f" as {pixel_format}" if pixel_format else "")
        raise NothingFits(f"the camera does not support {request}; it offers {_describe_modes(modes)}")
    return min(candidates, key=lambda each: each[:2])[2]


def _ffmpeg_name(mode: Mode) -> str:
    name = format_name(mode.code)
    return _FFMPEG.get(name, name)


def format_name(code: str) -> str:
    """Return the name of a V4L2 code in a rig file; empty if it is not supported."""
    return next((name for name, codes in NAMES.items() if code in codes), "")


def _other_sizes(modes: Iterable[Mode], width: int, height: int) -> list[tuple[Mode, int, int]]:
    """Return the modes with the smallest size above the requested one, or else with the largest size."""
    sizes = [(mode, int(_clamped(mode.width, width)), int(_clamped(mode.height, height))) for mode in modes]
    above = [each for each in sizes if each[1] >= width and each[2] >= height]
    if above:
        smallest = min(each[1] * each[2] for each in above)
        return [each for each in above if each[1] * each[2] == smallest]
    largest = max((each[1] * each[2] for each in sizes), default=0)
    return [each for each in sizes if each[1] * each[2] == largest]


def _clamped(steps: Steps, value: float) -> float:
    """Return the next value of `steps` at or above `value`, or its highest."""
    if value <= steps.low or steps.low == steps.high:
        return steps.low
    step = steps.step or 1
    up = steps.low + -(-(value - steps.low) // step) * step
    return min(up, steps.high)


def _rate(rates: Sequence[Steps], fps: float) -> float | None:
    """Return `fps` if it is available or no rates are known, else the next higher rate; None if all are lower."""
    if not rates or any(each.low * (1 - _SLACK) <= fps <= each.high * (1 + _SLACK) for each in rates):
        return fps
    return min((each.low for each in rates if each.low > fps), default=None)


def _describe_modes(modes: Sequence[Mode]) -> str:
    """Return the sizes of a camera with their formats and highest rates, as text."""
    formats_by_size: dict[str, list[str]] = {}
    for mode in modes:
        size = f"{_format_steps(mode.width)}x{_format_steps(mode.height)}"
        rate = max((each.high for each in mode.rates), default=0)
        name = format_name(mode.code) or f"{mode.code.strip()} (unusable)"
        text = f"{name} to {rate:g}/s" if rate else name
        if text not in formats_by_size.setdefault(size, []):
            formats_by_size[size].append(text)
    sizes = [f"{size} ({', '.join(formats)})" for size, formats in formats_by_size.items()]
    rest = len(sizes) - _MAX_LISTED
    return "; ".join(sizes[:_MAX_LISTED]) + (f"; and {rest} other sizes" if rest > 0 else "") or "no format at all"


def _format_steps(steps: Steps) -> str:
    return f"{steps.low:g}" if steps.low == steps.high else f"{steps.low:g}-{steps.high:g}"
