"""Lists of episodes in an order: a page after a cursor, and who stands before and after one. No offsets."""

from __future__ import annotations

import uuid
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from django.db.models import Q

from recorder.models import Episode
from recorder.models.episode import EpisodeQuerySet
from recorder.services.quality_overview import score
from recorder.services.wall import SECONDS

_FIELDS = {"": "recorded_at", "oldest": "recorded_at", "longest": "length_s", "shortest": "length_s"}
_DOWN = {"", "longest"}
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
    rows = rows.select_related(*_SHOWN)
    if sort == "worst":
        ranks = _ranks(rows)
        begin = bisect_right(ranks, _rank(after)) if after else 0
        wanted = [pk for *_, pk in ranks[begin : begin + most + 1]]
        by_id = {row.pk: row for row in rows.filter(pk__in=wanted)}
        found = [by_id[pk] for pk in wanted if pk in by_id]
    else:
        rows = _ordered(rows, sort)
        found = list((_beyond(rows, sort, after, back=False) if after else rows)[: most + 1])
    return found[:most], len(found) > most


def around(rows: EpisodeQuerySet, sort: str, episode: Episode) -> Around:
    """`unreviewed` is where a reviewer goes on: behind the episode, then from the list's beginning."""
    rows = rows.exclude(pk=episode.pk)
    if sort == "worst":
        return _around_rank(rows, episode)
    rows = rows.only("pk", "recorded_at")
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
    if _FIELDS[sort] == "length_s":
        rows = rows.annotate(length_s=SECONDS)
    return rows.order_by(f"{sign}{_FIELDS[sort]}", f"{sign}pk")


def _beyond(rows: EpisodeQuerySet, sort: str, episode: Episode, *, back: bool) -> EpisodeQuerySet:
    """Those that stand before it (`back`) or behind it."""
    field, value = _FIELDS[sort], _value(sort, episode)
    side = "lt" if (sort in _DOWN) is not back else "gt"
    return rows.filter(Q(**{f"{field}__{side}": value}) | Q(**{field: value, f"pk__{side}": episode.pk}))


def _value(sort: str, episode: Episode) -> Any:
    if _FIELDS[sort] == "recorded_at":
        return episode.recorded_at
    # As the database counts it, to the last digit.
    return Episode.objects.annotate(length_s=SECONDS).values_list("length_s", flat=True).get(pk=episode.pk)


Rank = tuple[int, float, uuid.UUID]


def _rank(episode: Episode) -> Rank:
    return _rank_of(episode.pk, episode.recorded_at, episode.marks)


def _rank_of(pk: uuid.UUID, at: datetime, marks: list[Any]) -> Rank:
    return (-score(marks), -at.timestamp(), pk)


def _ranks(rows: EpisodeQuerySet) -> list[Rank]:
    """Worst first, then newest. Weights are counted here: no database knows them."""
    return sorted(_rank_of(*each) for each in rows.order_by().values_list("pk", "recorded_at", "marks"))


def _around_rank(rows: EpisodeQuerySet, episode: Episode) -> Around:
    ranks, mine = _ranks(rows), _rank(episode)
    at = bisect_left(ranks, mine)
    open_ones = set(rows.to_review().order_by().values_list("pk", flat=True))
    unreviewed = islice((pk for *_, pk in ranks[at:] + ranks[:at] if pk in open_ones), AHEAD)
    known = {pk: Episode(pk=pk) for pk in (ranks[i][-1] for i in (at - 1, at) if 0 <= i < len(ranks))}
    return Around(
        previous=known[ranks[at - 1][-1]] if at > 0 else None,
        next=known[ranks[at][-1]] if at < len(ranks) else None,
        unreviewed=tuple(unreviewed),
        coming=tuple(pk for *_, pk in ranks[at : at + AHEAD]),
        before=at,
        after=len(ranks) - at,
    )
