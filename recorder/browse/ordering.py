"""Lists of episodes in an order: a page after a cursor, and who stands before and after one. No offsets."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from recorder.browse.filters import SECONDS
from recorder.models import Episode
from recorder.models.episode import EpisodeQuerySet

_FIELDS = {
    "": ("recorded_at",),
    "oldest": ("recorded_at",),
    "longest": ("length_s",),
    "shortest": ("length_s",),
    "worst": ("marks_weight", "recorded_at"),
}
"""What an order goes by, and then by the id; all of it in one direction."""
_DOWN = {"", "longest", "worst"}
_SHOWN = ("dataset", "rig")
AHEAD = 8
"""So many of those that come are named: a page has them ready before a key asks for them."""


@dataclass(frozen=True, slots=True)
class Around:
    """Who stands where in a list, seen from one episode that may have left it meanwhile: its place stays."""

    previous: Episode | None
    next: Episode | None
    unreviewed: tuple[uuid.UUID, ...]
    coming: tuple[uuid.UUID, ...]
    before: int
    after: int


def page(rows: EpisodeQuerySet, sort: str, after: Episode | None, most: int) -> tuple[list[Episode], bool]:
    """At most `most` episodes behind `after`, with what a card shows; and whether there are more."""
    rows = _ordered(rows.select_related(*_SHOWN), sort)
    found = list((_beyond(rows, sort, after, back=False) if after else rows)[: most + 1])
    return found[:most], len(found) > most


def around(rows: EpisodeQuerySet, sort: str, episode: Episode) -> Around:
    """`unreviewed` is the next episode to review: after this one, then from the start of the list."""
    rows = rows.exclude(pk=episode.pk).only("pk", "recorded_at")
    before, after = (_beyond(_ordered(rows, sort), sort, episode, back=back) for back in (True, False))
    coming = list(after[:AHEAD])
    unreviewed = list(after.to_review()[:AHEAD])
    if len(unreviewed) < AHEAD:
        unreviewed += before.to_review()[: AHEAD - len(unreviewed)]
    return Around(
        previous=before.reverse().first(),
        next=coming[0] if coming else None,
        unreviewed=tuple(row.pk for row in unreviewed),
        coming=tuple(row.pk for row in coming),
        before=before.count(),
        after=after.count(),
    )


def _ordered(rows: EpisodeQuerySet, sort: str) -> EpisodeQuerySet:
    sign = "-" if sort in _DOWN else ""
    if "length_s" in _FIELDS[sort]:
        rows = rows.annotate(length_s=SECONDS)
    return rows.order_by(*(f"{sign}{field}" for field in (*_FIELDS[sort], "pk")))


def _beyond(rows: EpisodeQuerySet, sort: str, episode: Episode, *, back: bool) -> EpisodeQuerySet:
    """Those that stand before it (`back`) or behind it."""
    side = "lt" if (sort in _DOWN) is not back else "gt"
    where, same = Q(), Q()
    for field in (*_FIELDS[sort], "pk"):
        value = _value(field, episode)
        where |= same & Q((f"{field}__{side}", value))
        same &= Q((field, value))
    return rows.filter(where)


def _value(field: str, episode: Episode) -> Any:
    if field != "length_s":
        return getattr(episode, field)
    # As the database counts it, to the last digit.
    return Episode.objects.annotate(length_s=SECONDS).values_list("length_s", flat=True).get(pk=episode.pk)
