"""The lists through which people walk: what is in one, and who stands before and after an episode."""

from __future__ import annotations

from dataclasses import dataclass

from recorder.browse import ordering
from recorder.browse.filters import Filter, rows_in
from recorder.models import Episode
from recorder.models.episode import EpisodeQuerySet
from recorder.models.states import EpisodeState, Verdict

TITLES = {
    "review": "to review",
    "kept": "kept",
    "committed": "in the dataset",
    "session": "of the session",
    "trash": "in the trash",
    "all": "of the dataset",
}


WALL = {"review", "kept", "committed", "all"}
"""Those that a dataset's page shows, filtered and sorted as people ask."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """An episode's place in a list; `ahead` is where a verdict leads, then from there, as ids with spaces between."""

    previous: Episode | None
    next: Episode | None
    ahead: str
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


def neighbours(name: str, episode: Episode, asked: Filter | None = None) -> Neighbours:
    """Where `episode` stands in the list, or in what is `asked` of it, in its order."""
    if asked is not None and asked.as_dict() and name in WALL:
        rows = rows_in(episode.dataset, name, asked).exclude(state=EpisodeState.RECORDING)
    else:
        rows = rows_of(name, episode)
    found = ordering.around(rows, asked.sort if asked else "", episode)
    return Neighbours(
        previous=found.previous,
        next=found.next,
        ahead=" ".join(str(pk) for pk in (found.unreviewed if name == "review" else found.coming)),
        position=found.before + 1,
        total=found.before + found.after + 1,
    )
