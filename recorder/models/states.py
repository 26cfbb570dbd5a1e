"""The states of the rows and their moves, as data; those of a rig are in `robotdata/rig/states.py`."""

from __future__ import annotations

from django.db.models import TextChoices

from robotdata.rig.states import State

RigState = State
"""A rig's states are listed where the rig is."""


class EpisodeState(TextChoices):
    RECORDING = "recording"
    RECORDED = "recorded"
    INTERRUPTED = "interrupted"
    ENCODING = "encoding"
    ENCODED = "encoded"
    FAILED = "failed"


class Verdict(TextChoices):
    UNREVIEWED = "unreviewed", "to review"
    KEEP = "keep"
    REJECT = "reject"


class OperationState(TextChoices):
    QUEUED = "queued"
    ENCODING = "encoding"
    RUNNING = "running"  # a worker writes the dataset's next revision, or will: see `token`
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobState(TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class OperationType(TextChoices):
    """What an operation does to its dataset. The label is the noun for one of them."""

    ENCODE = "encode", "batch"
    EDIT = "edit", "edit"
    REVERT = "revert", "revert"


REVISING = (OperationType.EDIT, OperationType.REVERT)
"""Types that replace what is there. Of these a dataset has one at a time; encoding adds, and waits for the lock."""


# By kind of row: as texts, an operation's and a job's `queued` are the same key.
NEXT: dict[type[TextChoices], dict[TextChoices, set[TextChoices]]] = {
    # Encoded is an end: what is committed changes through revisions of its dataset.
    EpisodeState: {
        EpisodeState.RECORDING: {EpisodeState.RECORDED, EpisodeState.INTERRUPTED},
        EpisodeState.RECORDED: {EpisodeState.ENCODING},
        EpisodeState.INTERRUPTED: {EpisodeState.ENCODING},
        EpisodeState.ENCODING: {
            EpisodeState.ENCODED,
            EpisodeState.FAILED,
            EpisodeState.RECORDED,  # its operation was cancelled: back to what its folder says
            EpisodeState.INTERRUPTED,
        },
        EpisodeState.FAILED: {EpisodeState.ENCODING},
        EpisodeState.ENCODED: set(),
    },
    OperationState: {
        OperationState.QUEUED: {OperationState.ENCODING, OperationState.CANCELLED},
        OperationState.ENCODING: {OperationState.RUNNING, OperationState.CANCELLED, OperationState.FAILED},
        OperationState.RUNNING: {
            OperationState.DONE,
            OperationState.FAILED,
            OperationState.CANCELLED,  # while no worker has it in its hands
        },
        OperationState.FAILED: {
            OperationState.QUEUED,
            OperationState.RUNNING,  # one without jobs, tried again
            OperationState.CANCELLED,
        },
        OperationState.DONE: set(),
        OperationState.CANCELLED: set(),
    },
    # Running may return to queued: a dead worker's lease ran out.
    JobState: {
        JobState.QUEUED: {JobState.RUNNING, JobState.CANCELLED},
        JobState.RUNNING: {JobState.DONE, JobState.FAILED, JobState.QUEUED, JobState.CANCELLED},
        JobState.FAILED: {JobState.QUEUED, JobState.CANCELLED},
        JobState.DONE: set(),
        JobState.CANCELLED: set(),
    },
}

for kind, moves in NEXT.items():
    if missing := set(kind) - moves.keys():
        raise TypeError(f"NEXT lacks {missing} of {kind.__name__}")
