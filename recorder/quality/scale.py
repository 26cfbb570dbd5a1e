"""Round steps for axes and bins."""

from __future__ import annotations

import math


def nice_step(span: float, most: int) -> float:
    """Return the smallest of 1, 2, 5, 10 ... (times a power of ten) that divides `span` into at most `most` steps."""
    if span <= 0 or most < 1:
        return 1.0
    rough = span / most
    power = 10.0 ** math.floor(math.log10(rough))
    return float(next((factor * power for factor in (1, 2, 5) if factor * power >= rough * (1 - 1e-9)), 10 * power))
