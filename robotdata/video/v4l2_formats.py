"""Which of a V4L2 camera's formats to ask for: a plain choice among what the camera lists."""

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
"""What a rig's file calls the formats, and V4L2's codes for them, the best first.

JPEG is stored as it comes, and needs the least of a bus; raw pixels lose nothing; H.264 comes late and in groups.
"""
_FFMPEG = {"yuyv": "yuyv422", "uyvy": "uyvy422", "yuv420": "yuv420p", "rgb": "rgb24", "bgr": "bgr24", "grey": "gray"}
_SLACK = 0.01
"""29.97 a second is what 30 is called elsewhere."""
_MOST_TOLD = 12


@dataclass(frozen=True, slots=True)
class Steps:
    """Values from `low` to `high` in steps of `step`; one value where both are the same."""

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
    """One size of one format: `code` is V4L2's four letters, `rates` in frames per second, empty if not told."""

    code: str
    width: Steps
    height: Steps
    rates: tuple[Steps, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """What to ask the camera for: FFmpeg's name of the format, the size, and the rate in frames per second."""

    input_format: str
    width: int
    height: int
    fps: float


class NothingFits(ValueError):
    """No format of a camera gives what was asked for; the message says what the camera offers."""


def choose(
    modes: Sequence[Mode], width: int, height: int, fps: float, *, pixel_format: str = "", any_size: bool = False
) -> Choice:
    """Return the best of `modes` with `width` x `height` at `fps` or, if there is none, at the next higher rate.

    `pixel_format`, a key of NAMES, allows that format alone. `any_size` takes the nearest size that is not smaller
    where the one asked for is not there, or else the largest. Raises NothingFits.
    """
    usable = [mode for mode in modes if _name(mode.code) and pixel_format in ("", _name(mode.code))]
    sized = [(mode, width, height) for mode in usable if mode.width.holds(width) and mode.height.holds(height)]
    if not sized and any_size:
        sized = _other_sizes(usable, width, height)
    found = []
    for mode, wide, high in sized:
        if (rate := _rate(mode.rates, fps)) is not None:
            faster = rate if rate > fps * (1 + _SLACK) else 0.0
            found.append((faster, list(NAMES).index(_name(mode.code)), Choice(_ffmpeg_name(mode), wide, high, rate)))
    if not found:
        asked = f"{width}x{height} at {fps:g} frames per second" + (f" as {pixel_format}" if pixel_format else "")
        raise NothingFits(f"the camera does not support {asked}; it offers {_offers(modes)}")
    return min(found, key=lambda each: each[:2])[2]


def _ffmpeg_name(mode: Mode) -> str:
    name = _name(mode.code)
    return _FFMPEG.get(name, name)


def _name(code: str) -> str:
    return next((name for name, codes in NAMES.items() if code in codes), "")


def _other_sizes(modes: Iterable[Mode], width: int, height: int) -> list[tuple[Mode, int, int]]:
    """The modes whose size is next above the one asked for, or else largest."""
    sizes = [(mode, int(_clamped(mode.width, width)), int(_clamped(mode.height, height))) for mode in modes]
    above = [each for each in sizes if each[1] >= width and each[2] >= height]
    if above:
        least = min(each[1] * each[2] for each in above)
        return [each for each in above if each[1] * each[2] == least]
    most = max((each[1] * each[2] for each in sizes), default=0)
    return [each for each in sizes if each[1] * each[2] == most]


def _clamped(steps: Steps, value: float) -> float:
    """The value of `steps` next above `value`, or its highest."""
    if value <= steps.low or steps.low == steps.high:
        return steps.low
    step = steps.step or 1
    up = steps.low + -(-(value - steps.low) // step) * step
    return min(up, steps.high)


def _rate(rates: Sequence[Steps], fps: float) -> float | None:
    """`fps` where it is among `rates` or nobody tells them, else the next rate above it; None if all are below."""
    if not rates or any(each.low * (1 - _SLACK) <= fps <= each.high * (1 + _SLACK) for each in rates):
        return fps
    return min((each.low for each in rates if each.low > fps), default=None)


def _offers(modes: Sequence[Mode]) -> str:
    """What a camera lists, in few words: each size with its formats and highest rates."""
    told: dict[str, list[str]] = {}
    for mode in modes:
        size = f"{_told(mode.width)}x{_told(mode.height)}"
        rate = max((each.high for each in mode.rates), default=0)
        name = _name(mode.code) or f"{mode.code.strip()} (unusable)"
        word = f"{name} to {rate:g}/s" if rate else name
        if word not in told.setdefault(size, []):
            told[size].append(word)
    words = [f"{size} ({', '.join(formats)})" for size, formats in told.items()]
    rest = len(words) - _MOST_TOLD
    return "; ".join(words[:_MOST_TOLD]) + (f"; and {rest} other sizes" if rest > 0 else "") or "no format at all"


def _told(steps: Steps) -> str:
    return f"{steps.low:g}" if steps.low == steps.high else f"{steps.low:g}-{steps.high:g}"
