"""Keyset pagination: the rows after a position in an order, without offsets and counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import Q, QuerySet

Rows = TypeVar("Rows", bound=QuerySet[Any])


@dataclass(frozen=True, slots=True)
class Keyset:
    """An order by `fields` (columns or annotations), all in one direction; together they are unique.

    A position is given by the values of these fields; no row need have them.
    """

    fields: tuple[str, ...]
    descending: bool = False

    def order(self, rows: Rows) -> Rows:
        """Return the rows in this order."""
        sign = "-" if self.descending else ""
        return rows.order_by(*(f"{sign}{field}" for field in self.fields))

    def condition(self, position: Sequence[Any], *, backwards: bool = False) -> Q:
        """Return the condition for rows after the position `position`, or before it (`backwards`)."""
        comparison = "lt" if self.descending is not backwards else "gt"
        condition, equal = Q(), Q()
        for field, value in zip(self.fields, position, strict=True):
            condition |= equal & Q((f"{field}__{comparison}", value))
            equal &= Q((field, value))
        return condition

    def beyond(self, rows: Rows, position: Sequence[Any], *, backwards: bool = False) -> Rows:
        """Return the rows after the position `position`, or before it (`backwards`)."""
        return rows.filter(self.condition(position, backwards=backwards))

    def page(self, rows: Rows, after: Sequence[Any] | None, limit: int) -> tuple[list[Any], bool]:
        """Return at most `limit` rows after the position `after` (None: from the start), and whether more follow."""
        rows = self.order(rows)
        page_rows = list((rows if after is None else self.beyond(rows, after))[: limit + 1])
        return page_rows[:limit], len(page_rows) > limit
