"""The lists through which people walk: what is in one, and who stands before and after an episode."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q

from recorder.models import Episode
from recorder.models.episode import EpisodeQuerySet
from recorder.states import EpisodeState, Verdict

TITLES = {
    "review": "to review",
    "kept": "kept",
    "committed": "in the dataset",
    "session": "of the session",
    "trash": "in the trash",
    "all": "of the dataset",
}


@dataclass(frozen=True, slots=True)
class Neighbours:
    """An episode's place in a list, newest first; `unreviewed` is where a reviewer goes on."""

    previous: Episode | None
    next: Episode | None
    unreviewed: Episode | None
    position: int
    total: int


def rows_of(name: str, episode: Episode) -> EpisodeQuerySet:
    """The episodes of a list, as seen from one of them."""
    same = Episode.objects.filter(dataset=episode.dataset_id)
    if name == "review":
        return same.to_review()
    if name == "kept":
        return same.takes().filter(verdict=Verdict.KEEP)
    if name == "committed":
        return same.committed()
    if name == "trash":
        return Episode.objects.trashed()
    if name == "session" and episode.session_id is not None:
        same = Episode.objects.filter(session=episode.session_id)
    return same.filter(purged_at=None).exclude(state=EpisodeState.RECORDING)


def neighbours(name: str, episode: Episode) -> Neighbours:
    """Where `episode` stands. It may have left the list meanwhile: its place in time stays."""
    rows = rows_of(name, episode).exclude(pk=episode.pk).only("pk", "recorded_at")
    at, pk = episode.recorded_at, episode.pk
    newer = rows.filter(Q(recorded_at__gt=at) | Q(recorded_at=at, pk__gt=pk))
    older = rows.filter(Q(recorded_at__lt=at) | Q(recorded_at=at, pk__lt=pk))
    before, after = newer.count(), older.count()
    return Neighbours(
        previous=newer.order_by("recorded_at", "pk").first(),
        next=older.newest_first().first(),
        unreviewed=older.to_review().newest_first().first() or newer.to_review().newest_first().first(),
        position=before + 1,
        total=before + after + 1,
    )
