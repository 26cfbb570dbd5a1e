"""move(): the one way an episode, an operation or a job changes its state."""

from __future__ import annotations

import uuid
from typing import Any

from recorder.models import Episode, Job, Operation
from recorder.models.states import NEXT, EpisodeState, JobState, OperationState
from recorder.models.versions import next_version


class IllegalMove(Exception):
    """The program asked for a move that `states.NEXT` does not have."""


STATES: dict[type, type[EpisodeState] | type[OperationState] | type[JobState]] = {
    Episode: EpisodeState,
    Operation: OperationState,
    Job: JobState,
}


def move(row: Episode | Operation | Job, new: str, *, only: dict[str, Any] | None = None, **fields: Any) -> bool:
    """Move on, setting `fields` in the same UPDATE; False where another process moved it first.

    `only` narrows the UPDATE further (a job's token: who lost its lease cannot overwrite).
    Raises IllegalMove where `states.NEXT` has no such move.
    """
    states = STATES[type(row)]
    if states(new) not in NEXT[states][states(row.state)]:
        raise IllegalMove(f"{type(row).__name__} {row.pk} cannot go from {row.state} to {new}")
    mine = type(row)._default_manager.filter(pk=row.pk, state=row.state, **(only or {}))
    ours = mine.update(state=new, updated_at=next_version(), **fields)
    if ours:
        row.state = new
        for name, value in fields.items():
            setattr(row, name, value)
    return bool(ours)


def hold_jobs(operation_id: uuid.UUID, *, episode: Episode | None = None) -> None:
    """Lock an operation's jobs, or an episode's in it, by their numbers, until the transaction ends.

    Whoever changes several of them, or an episode after its jobs, holds them first: of two who took them in different
    orders each would wait for the other.
    """
    jobs = Job.objects.filter(operation=operation_id, **({"episode": episode} if episode else {}))
    list(jobs.order_by("pk").select_for_update().values_list("pk"))
