"""move(): the only function that changes the state of an episode, an operation or a job."""

from __future__ import annotations

import uuid
from typing import Any

from django.utils import timezone

from recorder.models import Episode, Job, Operation
from recorder.models.states import TRANSITIONS, EpisodeState, JobState, OperationState
from recorder.models.versions import next_version


class IllegalMove(Exception):
    """The program requested a transition that `states.TRANSITIONS` does not have."""


STATES: dict[type, type[EpisodeState] | type[OperationState] | type[JobState]] = {
    Episode: EpisodeState,
    Operation: OperationState,
    Job: JobState,
}


def move(
    row: Episode | Operation | Job, new_state: str, *, conditions: dict[str, Any] | None = None, **fields: Any
) -> bool:
    """Change the row's state, and set `fields` in the same UPDATE; return False if another process changed it first.

    `conditions` restrict the UPDATE further (a job's token: a worker that lost its lease cannot overwrite the row).
    Raise IllegalMove if `states.TRANSITIONS` has no such transition.
    """
    states = STATES[type(row)]
    if states(new_state) not in TRANSITIONS[states][states(row.state)]:
        raise IllegalMove(f"{type(row).__name__} {row.pk} cannot go from {row.state} to {new_state}")
    unchanged_row = type(row)._default_manager.filter(pk=row.pk, state=row.state, **(conditions or {}))
    updated = unchanged_row.update(state=new_state, updated_at=next_version(), **fields)
    if updated:
        row.state = new_state
        for name, value in fields.items():
            setattr(row, name, value)
    return bool(updated)


def end_operation(
    operation: Operation,
    state: OperationState,
    error: str = "",
    *,
    conditions: dict[str, Any] | None = None,
    **fields: Any,
) -> bool:
    """End the operation in `state`; return False if it changed meanwhile or another worker holds it.

    `conditions` and `fields` as in `move`.
    """
    conditions = {"token": operation.token, **(conditions or {})}
    ended = {"error": error, "finished_at": timezone.now(), "lease_until": None}
    return move(operation, state, conditions=conditions, **ended, **fields)


def restart_operation(operation: Operation, state: OperationState) -> bool:
    """Move a failed operation to `state`, as if it had never run; return False if it changed meanwhile."""
    initial_fields: dict[str, Any] = {
        "error": "",
        "attempt": 0,
        "token": "",
        "lease_until": None,
        "finished_at": None,
        "steps_done": 0,
    }
    return move(operation, state, **initial_fields)


def lock_jobs(operation_id: uuid.UUID, *, episode: Episode | None = None) -> None:
    """Lock an operation's jobs, or those of one episode in it, in the order of their ids, until the transaction ends.

    Call it before changing several jobs, or an episode after its jobs: the fixed order avoids deadlocks.
    """
    jobs = Job.objects.filter(operation=operation_id, **({"episode": episode} if episode else {}))
    list(jobs.order_by("pk").select_for_update().values_list("pk"))
