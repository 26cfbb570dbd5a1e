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


class BatchState(TextChoices):
    QUEUED = "queued"
    ENCODING = "encoding"
    COMMITTING = "committing"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobState(TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class BatchKind(TextChoices):
    """What a batch does: encode takes, apply pending changes, or revert to an earlier revision."""

    ENCODE = "encode", "takes, encoded"
    EDIT = "edit", "changes, applied"
    REVERT = "revert", "an earlier state, again"


# By kind of row: as texts, a batch's and a job's `queued` are the same key.
NEXT: dict[type[TextChoices], dict[TextChoices, set[TextChoices]]] = {
    # Encoded is an end: what is committed changes through revisions of its dataset.
    EpisodeState: {
        EpisodeState.RECORDING: {EpisodeState.RECORDED, EpisodeState.INTERRUPTED},
        EpisodeState.RECORDED: {EpisodeState.ENCODING},
        EpisodeState.INTERRUPTED: {EpisodeState.ENCODING},
        EpisodeState.ENCODING: {
            EpisodeState.ENCODED,
            EpisodeState.FAILED,
            EpisodeState.RECORDED,  # its batch was cancelled: back to what its folder says
            EpisodeState.INTERRUPTED,
        },
        EpisodeState.FAILED: {EpisodeState.ENCODING},
        EpisodeState.ENCODED: set(),
    },
    BatchState: {
        BatchState.QUEUED: {BatchState.ENCODING, BatchState.CANCELLED},
        BatchState.ENCODING: {BatchState.COMMITTING, BatchState.CANCELLED, BatchState.FAILED},
        BatchState.COMMITTING: {
            BatchState.DONE,
            BatchState.FAILED,
            BatchState.CANCELLED,  # while no worker has it in its hands
        },
        BatchState.FAILED: {
            BatchState.QUEUED,
            BatchState.COMMITTING,  # one without takes to encode, tried again
            BatchState.CANCELLED,
        },
        BatchState.DONE: set(),
        BatchState.CANCELLED: set(),
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
