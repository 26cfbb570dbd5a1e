"""QualityError       whatever the measures of a take cannot do
├─ BadMetrics      stored measures that cannot be read: measure the take again
├─ BadThresholds   a threshold that does not exist, or is no positive number
└─ BadInput        arrays that do not fit one another
"""

from __future__ import annotations


class QualityError(ValueError):
    """See the module's head."""


class BadMetrics(QualityError):
    def __init__(self, what: str) -> None:
        super().__init__(f"stored measures cannot be read: {what:.300}; measure the take again")


class BadThresholds(QualityError):
    pass


class BadInput(QualityError):
    pass
