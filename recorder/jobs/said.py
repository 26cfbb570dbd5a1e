"""What came of an operation, as sentences for people."""

from __future__ import annotations

from recorder.models import Operation
from recorder.models.states import OperationState, OperationType
from robotdata.numbers import count, size

LEFT_OUT = " episodes failed and were left out."
"""The end of the first sentence of a batch's error, where only a part of its episodes failed."""

_MOST_CHARACTERS = 300


def said_of(operation: Operation) -> str:
    """Return what came of an import or a batch, in up to 300 characters; empty before its end, and for other types."""
    result = operation.result
    if operation.type != OperationType.ENCODE:
        return str(result.get("said", ""))
    title, error = operation.dataset.title, short_error(operation)
    if operation.state == OperationState.FAILED:
        return f"A batch of {title} failed: {error}"[:_MOST_CHARACTERS]
    if operation.state != OperationState.DONE:
        return ""
    episodes, raw, video = (result.get(name) for name in ("episodes", "raw_bytes", "video_bytes"))
    if isinstance(episodes, int):
        said = (
            f"{title} has {count(episodes, 'more episode')}: {size(raw)} of raw frames became {size(video)} of video."
        )
    else:  # encoded by an earlier version, or found in the dataset after a crash
        said = f"A batch is in {title}."
    return f"{said} {error}".strip()[:_MOST_CHARACTERS]


def is_partly_done(operation: Operation) -> bool:
    """Return whether the operation is a batch that ended without some of its episodes."""
    return operation.state == OperationState.DONE and LEFT_OUT in operation.error


def short_error(operation: Operation) -> str:
    """Return the operation's error; for a batch of which episodes failed only how many, because the list says why."""
    head, left_out, _ = operation.error.partition(LEFT_OUT)
    return head + left_out
