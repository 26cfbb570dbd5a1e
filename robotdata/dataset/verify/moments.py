"""Find statistics that no frames can have: mean and std that contradict minimum, maximum and quantiles."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from robotdata.dataset.verify.quantiles import SHARES

_VALUE = 0.004
"""One level of 255. Quantiles come from a histogram of 5,000 bins between minimum and maximum."""
_BINS = 0.005
"""Share of the range: 25 bins, the error of a histogram whose range grows while it is filled."""
_MEAN, _STD, _STD_SHARE = 0.004, 0.01, 0.05
"""LeRobot 0.6.2 sums in float32; measured errors are 0.35 % of the mean and 1.3 % of the std."""
_EIGHT_BITS = 16.1 / 255
Numbers = NDArray[np.float64]


def impossible(stat: Mapping[str, Numbers]) -> str | None:
    """Return why no frames have the statistics `stat`, each (d,), in [0, 1]; None if some may have them.

    Consider all pixels of a channel in order. The quantiles divide them into pieces of known size: the first hundredth
    is between minimum and q01, the next nine between q01 and q10, and so on. So, for any content and any encoder:

    - The mean is between the sums of the pieces' lower and of their upper ends, each times its size.
    - With this mean, the sum of squares is least if every piece is as near to one common value as its ends allow
      (squares are convex), and greatest if every pixel is at an end of its piece, the upper pieces first at their upper
      ends. Without quantiles this is the inequality of Bhatia and Davis.

    A mean or std outside of these bounds belongs to other pixels than the quantiles. Frames are not decoded, so an
    encoder's losses cannot cause a false alarm.
    """
    if not all(name in stat for name in ("min", "max", "mean", "std")):
        return None
    names = ["min", *(name for name in SHARES if name in stat), "max"]
    if len({stat[name].shape for name in (*names, "mean", "std")}) > 1:
        return None
    sizes = np.diff([0.0, *(SHARES[name] for name in names[1:-1]), 1.0])
    for channel in range(len(stat["mean"])):
        edges = np.array([stat[name][channel] for name in names])
        mean, std = float(stat["mean"][channel]), float(stat["std"][channel])
        slack = _VALUE + _BINS * abs(edges[-1] - edges[0])
        low, high = np.maximum.accumulate(edges[:-1]) - slack, np.maximum.accumulate(edges[1:]) + slack
        lowest_mean, highest_mean = float(sizes @ low), float(sizes @ high)
        if not lowest_mean - _MEAN <= mean <= highest_mean + _MEAN:
            return f"mean is {mean:.3g}, by its quantiles it lies between {lowest_mean:.3g} and {highest_mean:.3g}"
        smallest, largest = _spreads(sizes, low, high, min(max(mean, lowest_mean), highest_mean))
        near = _STD + _STD_SHARE * std
        if not smallest - near <= std <= largest + near:
            return f"std is {std:.3g}, by its mean and its quantiles it lies between {smallest:.3g} and {largest:.3g}"
    return None


def overflown(stat: Mapping[str, Numbers]) -> bool:
    """Return whether LeRobot before 0.6 wrote `std`: it squared in 8 bits, so std is at most 16 levels and mostly 0."""
    std = stat.get("std")
    if std is None or not np.all(std <= _EIGHT_BITS):
        return False
    low, high = stat.get("min"), stat.get("max")
    constant = low is not None and high is not None and low.shape == high.shape == std.shape
    if constant and np.any((std == 0) & (np.asarray(high) - np.asarray(low) > _VALUE)):
        return True  # std is 0 only if all pixels are equal
    reason = impossible(stat)
    return reason is not None and reason.startswith("std")


def _spreads(sizes: Numbers, low: Numbers, high: Numbers, mean: float) -> tuple[float, float]:
    """Return the smallest and the largest std of pieces with these sizes and ends and this mean."""
    below, above = float(low.min()), float(high.max())
    for _ in range(50):
        middle = (below + above) / 2
        if float(sizes @ np.clip(middle, low, high)) < mean:
            below = middle
        else:
            above = middle
    nearest = np.clip(above, low, high)
    smallest = float(sizes @ (nearest - mean) ** 2)
    # From the top piece down, as much of each piece is at its upper end as the mean allows.
    room, squares = mean - float(sizes @ low), float(sizes @ low**2)
    for size, a, b in zip(sizes[::-1], low[::-1], high[::-1], strict=True):
        part = min(1.0, room / (size * (b - a))) if size * (b - a) > 0 else 0.0
        room -= part * size * (b - a)
        squares += part * size * (b**2 - a**2)
    return smallest**0.5, max(0.0, squares - mean**2) ** 0.5
