"""QualityError       base class of the errors below
├─ BadMetrics      stored measures cannot be read; remedy: measure the take again
├─ BadThresholds   a threshold has an unknown name, or is not a number above 0
└─ BadInput        the arrays of a take have lengths that do not match
"""

from __future__ import annotations


class QualityError(ValueError):
    """Base class of this room's errors."""


class BadMetrics(QualityError):
    """Stored measures cannot be read: of another version, incomplete, or damaged."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"stored measures cannot be read: {reason:.300}; measure the take again")


class BadThresholds(QualityError):
    """A threshold has an unknown name, or is not a number above 0 and below 1,000,000."""


class BadInput(QualityError):
    """The arrays of a take do not match: their lengths, or their numbers of columns and names, differ."""
