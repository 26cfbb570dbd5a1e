"""Keep `updated_at` as a monotonic row version for optimistic concurrency.

The plain time could go backwards: it is read before the row's lock is granted, and the clock may be set back.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import DateTimeField, F, Value
from django.db.models.functions import Greatest
from django.utils import timezone

_VERSION_STEP = timedelta(microseconds=1)


def next_version() -> Greatest:
    """Return the next version for an UPDATE that has not read the row: now, or just after the row's present version."""
    return Greatest(Value(timezone.now(), output_field=DateTimeField()), F("updated_at") + _VERSION_STEP)


def version_after(*versions: datetime) -> datetime:
    """Return the next version for rows that are locked: now, or just after the latest of `versions`."""
    return max([timezone.now(), *(version + _VERSION_STEP for version in versions)])
