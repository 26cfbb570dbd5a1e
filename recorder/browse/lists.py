"""The lists that people step through: their episodes, and the neighbours of one."""

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
"""The lists of a dataset's page, which can be filtered and sorted."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """An episode's position in a list. `ahead` has the ids that follow a verdict, separated by spaces."""

    previous: Episode | None
    next: Episode | None
    ahead: str
    position: int
    total: int


def rows_of(name: str, episode: Episode) -> EpisodeQuerySet:
    """Return the episodes of the list `name` that contains the episode."""
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
    """Return the neighbours of `episode` in the list, filtered and sorted as `asked`."""
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
