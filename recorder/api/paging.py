"""Cursor pagination: at most `limit` items after the item `after`. No counts, no offsets."""

from __future__ import annotations

from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from django.db.models import QuerySet
from ninja import Query, Schema

from recorder.browse.keyset import Keyset
from recorder.errors import Refused

Item = TypeVar("Item")
Limit = Annotated[int, Query(ge=1, le=500)]


class Page(Schema, Generic[Item]):
    """One page of a list; pass `next` as `after` to get the following one, null at the end."""

    items: list[Item]
    next: str | None


def newest_first(rows: QuerySet[Any], time_field: str, *, limit: int, after: UUID | None) -> dict[str, Any]:
    """Return a page of rows, newest first, with UUIDs as cursors. Raises Refused (404) for an unknown cursor."""
    position = None
    if after is not None:
        last = rows.model._default_manager.filter(pk=after).first()
        if last is None:
            raise Refused("no_cursor", f"after={after}: no such item. Start again without `after`.", 404)
        position = (getattr(last, time_field), after)
    return _page(Keyset((time_field, "pk"), descending=True).page(rows, position, limit), "pk")


def by_name(rows: QuerySet[Any], name: str, *, limit: int, after: str | None) -> dict[str, Any]:
    """Return a page of rows ordered by name."""
    return _page(Keyset((name,)).page(rows, (after,) if after else None, limit), name)


def _page(page: tuple[list[Any], bool], cursor: str) -> dict[str, Any]:
    items, more = page
    return {"items": items, "next": str(getattr(items[-1], cursor)) if more else None}
