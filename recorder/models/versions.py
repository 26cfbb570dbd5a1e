"""Keep `updated_at` as a monotonic row version for optimistic concurrency.

A clock read before one had to wait for the row, or set back meanwhile, would give the row an older one again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import DateTimeField, F, Value
from django.db.models.functions import Greatest
from django.utils import timezone

_NEXT = timedelta(microseconds=1)


def next_version() -> Greatest:
    """For an UPDATE that does not know the row: now, or just after the row's last move where that is later."""
    return Greatest(Value(timezone.now(), output_field=DateTimeField()), F("updated_at") + _NEXT)


def version_after(*versions: datetime) -> datetime:
    """For who holds the rows: now, or just after the latest of these."""
    return max([timezone.now(), *(version + _NEXT for version in versions)])
