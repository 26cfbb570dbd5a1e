"""Cursor pagination: at most `limit` items after the item `after`. No counts, no offsets."""

from __future__ import annotations

from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet
from ninja import Query, Schema

from recorder.errors import Refused

Item = TypeVar("Item")
Limit = Annotated[int, Query(ge=1, le=500)]


class Page(Schema, Generic[Item]):
    """One page of a list; pass `next` as `after` to get the following one, null at the end."""

    items: list[Item]
    next: str | None


def newest_first(rows: QuerySet[Any], when: str, *, limit: int, after: UUID | None) -> dict[str, Any]:
    """Return a page of rows, newest first, with UUIDs as cursors. Raises Refused (404) for an unknown cursor."""
    if after is not None:
        last = rows.model._default_manager.filter(pk=after).first()
        if last is None:
            raise Refused("no_cursor", f"after={after}: no such item. Start again without `after`.", 404)
        at = getattr(last, when)
        rows = rows.filter(Q(**{f"{when}__lt": at}) | Q(**{when: at, "pk__lt": after}))
    found = list(rows.order_by(f"-{when}", "-pk")[: limit + 1])
    return _page(found, limit, "pk")


def by_name(rows: QuerySet[Any], name: str, *, limit: int, after: str | None) -> dict[str, Any]:
    """Return a page of rows ordered by name."""
    if after:
        rows = rows.filter(**{f"{name}__gt": after})
    return _page(list(rows.order_by(name)[: limit + 1]), limit, name)


def _page(found: list[Model], limit: int, cursor: str) -> dict[str, Any]:
    more = len(found) > limit
    items = found[:limit]
    return {"items": items, "next": str(getattr(items[-1], cursor)) if more else None}
