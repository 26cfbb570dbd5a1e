"""What came of an operation, as sentences for people."""

from __future__ import annotations

from recorder.models import Operation
from recorder.models.states import OperationState, OperationType
from robotdata.numbers import count, size

LEFT_OUT = " episodes failed and were left out."
"""The end of the first sentence of a batch's error, where only a part of its episodes failed."""


def said_of(operation: Operation) -> str:
    """Return what came of an import or a batch; empty before its end, and for other types."""
    result = operation.result
    if operation.type != OperationType.ENCODE:
        return str(result.get("said", ""))
    if operation.state != OperationState.DONE:
        return ""
    episodes = result.get("episodes")
    if not isinstance(episodes, int):  # made by an earlier version, or found after a crash
        return f"A batch is in {operation.dataset.title}."
    made = f"{operation.dataset.title} has {count(episodes, 'more episode')}"
    raw, video = result.get("raw_bytes"), result.get("video_bytes")
    return f"{made}: {size(raw)} of raw frames became {size(video)} of video."


def short_error(operation: Operation) -> str:
    """Return the operation's error; for a batch of which episodes failed only how many, because the list says why."""
    head, left_out, _ = operation.error.partition(LEFT_OUT)
    return head + left_out
