"""Represent frame rates as exact fractions, so that frame n is at n / rate."""

from __future__ import annotations

import math
from fractions import Fraction

from robotdata.video.errors import VideoError

_NTSC_SLACK = 5e-4
"""Relative tolerance of NTSC rates: 29.97 means 30000/1001 = 29.97003."""


def exact_rate(fps: int | float | Fraction) -> Fraction:
    """Return `fps`, in Hz, as a fraction: 29.97 is 30000/1001, 30.0 is 30.

    Raises VideoError unless 0.001 <= fps <= 1000.
    """
    try:
        rate = fps if isinstance(fps, Fraction | int) else Fraction(float(fps))
    except (TypeError, ValueError, OverflowError):
        rate = Fraction(0)
    rate = Fraction(rate)
    if not Fraction(1, 1001) <= rate <= 1000:
        raise VideoError(f"{fps!r} frames per second: want a number from 0.001 to 1000")
    if isinstance(fps, Fraction) or rate.denominator == 1:
        return rate
    ntsc = Fraction(math.ceil(rate) * 1000, 1001)
    if abs(rate - ntsc) < ntsc * Fraction(_NTSC_SLACK).limit_denominator(100000):
        return ntsc
    return rate.limit_denominator(1001)


def plain_rate(rate: Fraction) -> int | float:
    """Return the rate as a JSON number: an int if it is whole."""
    return int(rate) if rate.denominator == 1 else float(rate)


def movie_timescale(rate: Fraction) -> int:
    """Return the ticks per second of an MP4 of this rate.

    It is the first numerator * 2^k from 10,000 up, as FFmpeg chooses it.
    """
    scale = rate.numerator
    while scale < 10_000:
        scale *= 2
    return scale
