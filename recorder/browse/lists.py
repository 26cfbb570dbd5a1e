"""The lists that people step through: their episodes, and the neighbours of one."""

from __future__ import annotations

from dataclasses import dataclass

from recorder.browse import ordering
from recorder.browse.filters import NOT_REJECTED, Filter, rows_in
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


WALL_LISTS = {"review", "kept", "committed", "all"}
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
    rows = Episode.objects.filter(dataset=episode.dataset_id)
    if name == "review":
        return rows.to_review()
    if name == "kept":
        return rows.takes().filter(verdict=Verdict.KEEP)
    if name == "committed":
        return rows.committed()
    if name == "trash":
        return Episode.objects.trashed()
    if name == "session" and episode.session_id is not None:
        rows = Episode.objects.filter(session=episode.session_id, purged_at=None)
    else:
        rows = rows.filter(NOT_REJECTED)
    return rows.exclude(state=EpisodeState.RECORDING)


def is_judged(name: str, episode: Episode, near: Neighbours) -> bool:
    """Return whether nothing is left to review in the list, and the review of this episode was the end of it."""
    if episode.verdict == Verdict.UNREVIEWED:
        return False
    if name == "session":
        return not rows_of(name, episode).to_review().exists()
    return name == "review" and near.total == 1


def neighbours(name: str, episode: Episode, filters: Filter | None = None) -> Neighbours:
    """Return the neighbours of `episode` in the list, filtered and sorted by `filters`."""
    if filters is not None and filters.as_dict() and name in WALL_LISTS:
        rows = rows_in(episode.dataset, name, filters).exclude(state=EpisodeState.RECORDING)
    else:
        rows = rows_of(name, episode)
    # A verdict leads to the takes that are still to review, also to those before this one.
    around = ordering.find_surroundings(rows, filters.sort if filters else "", episode, wrap=name == "review")
    return Neighbours(
        previous=around.previous,
        next=around.next,
        ahead=" ".join(map(str, around.ahead)),
        position=around.before + 1,
        total=around.others + 1,
    )
