"""Sorted lists of episodes: a page after a cursor, and the neighbours of one. No offsets."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.db.models import Count

from recorder.browse.keyset import Keyset
from recorder.models import Episode
from recorder.models.episode import EpisodeQuerySet
from recorder.models.groups import SECONDS

_ORDERS = {
    "": Keyset(("recorded_at", "pk"), descending=True),
    "oldest": Keyset(("recorded_at", "pk")),
    "longest": Keyset(("length_s", "pk"), descending=True),
    "shortest": Keyset(("length_s", "pk")),
    "worst": Keyset(("marks_weight", "recorded_at", "pk"), descending=True),
}
_CARD_RELATIONS = ("dataset", "rig")
PRELOADED = 8
"""The number of following episodes that are named, so that a page can preload them."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The neighbours of an episode's position in a list, even if the episode is no longer in it.

    `ahead`: the episodes that follow; `before`: how many come earlier in the list; `others`: how many are in it besides
    the episode.
    """

    previous: Episode | None
    next: Episode | None
    ahead: tuple[uuid.UUID, ...]
    before: int
    others: int


def page(rows: EpisodeQuerySet, sort: str, after: Episode | None, most: int) -> tuple[list[Episode], bool]:
    """Return at most `most` episodes after `after`, with the relations that a card shows, and whether more follow."""
    rows = _annotate(rows.select_related(*_CARD_RELATIONS), sort)
    return _ORDERS[sort].page(rows, _position_of(sort, after) if after else None, most)


def find_surroundings(rows: EpisodeQuerySet, sort: str, episode: Episode, *, wrap: bool) -> Surroundings:
    """Return the neighbours of the episode. With `wrap`, `ahead` continues from the start of the list."""
    order, position = _ORDERS[sort], _position_of(sort, episode)
    rows = order.order(_annotate(rows.exclude(pk=episode.pk).only("pk", "recorded_at", "number"), sort))
    before, after = (order.beyond(rows, position, backwards=backwards) for backwards in (True, False))
    following = list(after[:PRELOADED])
    first = list(before[: PRELOADED - len(following)]) if wrap and len(following) < PRELOADED else []
    is_before = order.condition(position, backwards=True)
    counts = rows.aggregate(before=Count("pk", filter=is_before), others=Count("pk"))
    return Surroundings(
        previous=before.reverse().first(),
        next=following[0] if following else None,
        ahead=tuple(row.pk for row in [*following, *first]),
        before=counts["before"],
        others=counts["others"],
    )


def _annotate(rows: EpisodeQuerySet, sort: str) -> EpisodeQuerySet:
    """Annotate the columns that the order needs."""
    return rows.annotate(length_s=SECONDS) if "length_s" in _ORDERS[sort].fields else rows


def _position_of(sort: str, episode: Episode) -> list[Any]:
    return [_value(field, episode) for field in _ORDERS[sort].fields]


def _value(field: str, episode: Episode) -> Any:
    if field != "length_s":
        return getattr(episode, field)
    # The database's own value, because the comparison must be exact.
    return Episode.objects.annotate(length_s=SECONDS).values_list("length_s", flat=True).get(pk=episode.pk)
