"""Count episodes once per group, then answer many conditions from the few groups.

A database evaluates a count with a condition once per row and count; grouping reads each row once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.db.models import BooleanField, Case, Count, F, FloatField, Q, Sum, TextField, Value, When
from django.db.models.functions import Cast, Coalesce, NullIf

from recorder.models.episode import EpisodeQuerySet

SECONDS = Cast(Coalesce(F("trim_end"), F("ticks")) - Coalesce(F("trim_first"), 0), FloatField()) / NullIf(
    Cast(F("fps"), FloatField()), 0.0
)
"""The length after the trim in seconds, at the nominal rate."""
RECORDED_SECONDS = Cast(F("ticks"), FloatField()) / NullIf(Cast(F("fps"), FloatField()), 0.0)
"""The length of the whole take in seconds, at the nominal rate."""
_MARK_CODE = re.compile(r'"code": "([^"\\]+)"')
IS_PURGED = Case(When(purged_at=None, then=Value(None)), default=Value(True), output_field=BooleanField())

Group = Mapping[str, Any]
"""`state`, `verdict`, `purged_at` (None or True), further fields, `n` episodes and their `seconds`."""


def groups_of(rows: EpisodeQuerySet, *fields: str, seconds: Any = SECONDS) -> list[Group]:
    """Group the rows by state, verdict, whether they are purged, and `fields`; one query.

    `seconds` is an expression over the rows.
    """
    names = ("state", "verdict", *fields)
    grouped = rows.order_by().annotate(is_purged=IS_PURGED).values(*names, "is_purged")
    counted = grouped.annotate(n=Count("pk"), seconds=Sum(seconds))
    return [{**row, "purged_at": row["is_purged"], "seconds": row["seconds"] or 0.0} for row in counted]


def count(groups: Iterable[Group], condition: Q) -> int:
    """Return the number of episodes that meet a condition on the groups' fields."""
    return sum(group["n"] for group in groups if matches(condition, group))


def seconds(groups: Iterable[Group], condition: Q) -> float:
    """Return the seconds of the episodes that meet a condition on the groups' fields."""
    return float(sum(group["seconds"] for group in groups if matches(condition, group)))


def mark_codes(rows: EpisodeQuerySet) -> Counter[str]:
    """Count the episodes with each kind of flag. Flags are read as text, because only their codes are needed."""
    texts = rows.exclude(marks=[]).annotate(text=Cast("marks", TextField())).values_list("text", flat=True)
    return Counter(code for text in texts for code in set(_MARK_CODE.findall(text)))


def matches(condition: Q, group: Group) -> bool:
    """Return whether a group meets the condition as its rows do in the database.

    Raise KeyError for a field that the group lacks or a lookup other than exact, in and isnull.
    """
    met = (matches(part, group) if isinstance(part, Q) else _compare(part, group) for part in condition.children)
    found = any(met) if condition.connector == Q.OR else all(met)
    return found != condition.negated


def _compare(part: Any, group: Group) -> bool:
    name, wanted = part
    field, _, lookup = name.partition("__")
    return _LOOKUPS[lookup or "exact"](group[field], wanted)


_LOOKUPS: dict[str, Callable[[Any, Any], bool]] = {
    "exact": lambda value, wanted: bool(value == wanted),
    "in": lambda value, wanted: value in wanted,
    "isnull": lambda value, wanted: (value is None) == wanted,
}
