"""What no pixels at all can have: a mean and a spread that their own minimum, maximum and quantiles rule out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from robotdata.dataset.verify.quantiles import SHARES

_VALUE = 0.004
"""A level of 255. Quantiles are read off a histogram, of 5,000 bins between minimum and maximum."""
_BINS = 0.005
"""Of the range: 25 bins, which a histogram may lose that widens while it is filled."""
_MEAN, _STD, _STD_SHARE = 0.004, 0.01, 0.05
"""LeRobot 0.6.2 sums in float32: measured, 0.35 % of the mean and 1.3 % of the spread are lost."""
_EIGHT_BITS = 16.1 / 255
Numbers = NDArray[np.float64]


def impossible(stat: Mapping[str, Numbers]) -> str | None:
    """Return why no pixels have the statistics `stat`, each (d,), shares of white; None if some may have.

    Take all pixels of a channel in order. The quantiles cut them into pieces of known size: the first hundredth lies
    between minimum and q01, the next nine between q01 and q10, and so on. Hence, whatever was filmed and however it
    was encoded:

    - The mean lies between the sums of the pieces' lower and of their upper ends, each times its size.
    - With this mean, the sum of squares is least where every piece is as near to one common value as its ends allow
      (squares are convex), and greatest where every pixel lies at an end of its piece, the upper pieces first at
      their upper ends. Without quantiles this is the inequality of Bhatia and Davis.

    A mean or a spread outside of these is of other pixels than the quantiles. Pictures are not looked at, so nothing
    that an encoder does can make this wrong.
    """
    if not all(name in stat for name in ("min", "max", "mean", "std")):
        return None
    names = ["min", *(name for name in SHARES if name in stat), "max"]
    if len({stat[name].shape for name in (*names, "mean", "std")}) > 1:
        return None
    sizes = np.diff([0.0, *(SHARES[name] for name in names[1:-1]), 1.0])
    for at in range(len(stat["mean"])):
        edges = np.array([stat[name][at] for name in names])
        mean, std = float(stat["mean"][at]), float(stat["std"][at])
        slack = _VALUE + _BINS * abs(edges[-1] - edges[0])
        low, high = np.maximum.accumulate(edges[:-1]) - slack, np.maximum.accumulate(edges[1:]) + slack
        least, most = float(sizes @ low), float(sizes @ high)
        if not least - _MEAN <= mean <= most + _MEAN:
            return f"mean is {mean:.3g}, by its quantiles it lies between {least:.3g} and {most:.3g}"
        smallest, largest = _spreads(sizes, low, high, min(max(mean, least), most))
        near = _STD + _STD_SHARE * std
        if not smallest - near <= std <= largest + near:
            return f"std is {std:.3g}, by its mean and its quantiles it lies between {smallest:.3g} and {largest:.3g}"
    return None


def overflown(stat: Mapping[str, Numbers]) -> bool:
    """Return whether LeRobot before 0.6 wrote `std`: squares in 8 bits, so never above 16 levels, and mostly 0."""
    std = stat.get("std")
    if std is None or not np.all(std <= _EIGHT_BITS):
        return False
    low, high = stat.get("min"), stat.get("max")
    constant = low is not None and high is not None and low.shape == high.shape == std.shape
    if constant and np.any((std == 0) & (np.asarray(high) - np.asarray(low) > _VALUE)):
        return True  # a spread of 0 is of pixels that are all alike
    words = impossible(stat)
    return words is not None and words.startswith("std")


def _spreads(sizes: Numbers, low: Numbers, high: Numbers, mean: float) -> tuple[float, float]:
    """The smallest and the greatest spread of pieces of these sizes between these ends, with this mean."""
    below, above = float(low.min()), float(high.max())
    for _ in range(50):
        middle = (below + above) / 2
        if float(sizes @ np.clip(middle, low, high)) < mean:
            below = middle
        else:
            above = middle
    nearest = np.clip(above, low, high)
    smallest = float(sizes @ (nearest - mean) ** 2)
    # At its upper end is so much of each piece, from the top down, as the mean has room for.
    room, squares = mean - float(sizes @ low), float(sizes @ low**2)
    for size, a, b in zip(sizes[::-1], low[::-1], high[::-1], strict=True):
        part = min(1.0, room / (size * (b - a))) if size * (b - a) > 0 else 0.0
        room -= part * size * (b - a)
        squares += part * size * (b**2 - a**2)
    return smallest**0.5, max(0.0, squares - mean**2) ** 0.5
