"""The states of the rows and their transitions, as data; those of a rig are in `robotdata/rig/states.py`.

A rig's row has no transitions here: it shows the state that the rig reports, which the rig checks itself.
"""

from __future__ import annotations

from django.db.models import TextChoices

from robotdata.rig.states import State

RigState = State
"""The states of a rig; defined in the rig's room."""


class EpisodeState(TextChoices):
    """The state of an episode: a take until it is `encoded`, which means that it is in its dataset."""

    RECORDING = "recording"
    RECORDED = "recorded"
    INTERRUPTED = "interrupted"
    ENCODING = "encoding"
    ENCODED = "encoded"
    FAILED = "failed"


class Verdict(TextChoices):
    """A person's verdict on an episode."""

    UNREVIEWED = "unreviewed", "to review"
    KEEP = "keep"
    REJECT = "reject"


class OperationState(TextChoices):
    """The state of an operation. Only one with encoding jobs is ever `queued` or `encoding`."""

    QUEUED = "queued"
    ENCODING = "encoding"
    RUNNING = "running"  # a worker writes the dataset's next revision, or will: see `token`
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobState(TextChoices):
    """The state of an encoding job."""

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
    CONVERT = "convert", "conversion"
    IMPORT = "import", "import"
    COPY = "copy", "copy"
    MOVE = "move", "move"
    SPLIT = "split", "split"
    MERGE = "merge", "merge"
    DUPLICATE = "duplicate", "duplicate"
    UNDO = "undo", "undo"
    REPAIR = "repair", "repair"
    RESCUE = "rescue", "repair of a folder"
    OLDER = "older", "conversion to v2.1"
    FEATURES = "features", "change of features"
    REORDER = "reorder", "new order"
    CUT = "cut", "cut"
    REENCODE = "reencode", "re-encode"
    DROP_FRAMES = "drop_frames", "change of fps"
    TO_VIDEOS = "to_videos", "change to videos"
    TO_IMAGES = "to_images", "change to images"
    PUSH = "push", "push"


TRANSFERS = (
    OperationType.COPY,
    OperationType.MOVE,
    OperationType.SPLIT,
    OperationType.MERGE,
    OperationType.DUPLICATE,
)
"""Types that bring episodes into other datasets: those that their arguments name under `into`."""
CHANGES = (OperationType.FEATURES,)
"""Types that make one revision of their own dataset; a revert to the one before undoes them."""
RESHAPES = (
    OperationType.REORDER,
    OperationType.CUT,
    OperationType.REENCODE,
    OperationType.DROP_FRAMES,
    OperationType.TO_VIDEOS,
    OperationType.TO_IMAGES,
)
"""Types that change a dataset's time and pictures."""
REVISING = (
    OperationType.EDIT,
    OperationType.REVERT,
    OperationType.UNDO,
    OperationType.REPAIR,
    *TRANSFERS,
    *CHANGES,
    *RESHAPES,
)
"""Types of which a dataset has at most one at a time. Encoding adds to it, and waits for the lock."""

NEW_FROM_FOLDER = (OperationType.CONVERT, OperationType.RESCUE)
"""Types that make a new dataset of a folder that cannot be opened, which `arguments` name as `source`."""

STOPPABLE = (
    OperationType.CONVERT,
    OperationType.IMPORT,
    OperationType.REPAIR,
    OperationType.RESCUE,
    OperationType.OLDER,
    OperationType.PUSH,
    *RESHAPES,
)
"""Types that may be cancelled while a worker runs them, until it begins to write (`result["writing"]`)."""

BESIDE = (OperationType.PUSH,)
"""Types that only read a state of their dataset, which they keep: it may be changed meanwhile."""


# Keyed by kind of row, because an operation's and a job's `queued` are equal as texts.
TRANSITIONS: dict[type[TextChoices], dict[TextChoices, set[TextChoices]]] = {
    # Encoded is final: committed episodes change through revisions of their dataset.
    EpisodeState: {
        EpisodeState.RECORDING: {EpisodeState.RECORDED, EpisodeState.INTERRUPTED},
        EpisodeState.RECORDED: {EpisodeState.ENCODING},
        EpisodeState.INTERRUPTED: {EpisodeState.ENCODING},
        EpisodeState.ENCODING: {
            EpisodeState.ENCODED,
            EpisodeState.FAILED,
            EpisodeState.RECORDED,  # its operation was cancelled: restore the state in its folder
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
            OperationState.CANCELLED,  # while no worker has claimed it
        },
        OperationState.FAILED: {
            OperationState.QUEUED,
            OperationState.RUNNING,  # a retry of one without jobs
            OperationState.CANCELLED,
        },
        OperationState.DONE: set(),
        OperationState.CANCELLED: set(),
    },
    # Running may return to queued when a dead worker's lease expires.
    JobState: {
        JobState.QUEUED: {JobState.RUNNING, JobState.CANCELLED},
        JobState.RUNNING: {JobState.DONE, JobState.FAILED, JobState.QUEUED, JobState.CANCELLED},
        JobState.FAILED: {JobState.QUEUED, JobState.CANCELLED},
        JobState.DONE: set(),
        JobState.CANCELLED: set(),
    },
}

for kind, moves in TRANSITIONS.items():
    if missing := set(kind) - moves.keys():
        raise TypeError(f"TRANSITIONS lacks {missing} of {kind.__name__}")
