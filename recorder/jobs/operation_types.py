"""The types of operations, described: one entry for each, read by services, pages and API."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from recorder.models import Operation
from recorder.models.permissions import Action
from recorder.models.states import OperationType

EDIT_COUNTS = {"deleted": "delete", "relabelled": "relabel", "trimmed": "trim"}
"""What an edit counts, in its arguments and in the dataset's sidecar, and the verb of each."""


@dataclass(frozen=True, slots=True)
class TypeSpec:
    """How one type of operation is described. `recorder.worker.run.RUNNERS` runs it, `recorder.jobs` begins it."""

    action: Action  # what somebody must be allowed to do who begins, cancels or retries one
    has_jobs: bool  # prepared by jobs, whose episodes and frames are its progress
    summary: Callable[[Operation], str]  # what it does: `delete 3, trim 2`; empty where its episodes show it
    running: str  # what the state `running` means: `changing the dataset`
    occupied: str  # what is said of the dataset meanwhile: `is being changed`
    cancelled: str  # what is true after it was cancelled
    closed: str  # what is true after a failed one was given up


def spec_of(operation: Operation) -> TypeSpec:
    """Raises KeyError where the row's type is unknown."""
    return TYPES[OperationType(operation.type)]


def _edit_summary(operation: Operation) -> str:
    counts = operation.arguments
    return ", ".join(f"{verb} {counts[name]}" for name, verb in EDIT_COUNTS.items() if counts.get(name))


def _revert_summary(operation: Operation) -> str:
    return f"revert to revision {operation.arguments.get('revision')}"


TYPES = {
    OperationType.ENCODE: TypeSpec(
        action=Action.ENCODE,
        has_jobs=True,
        summary=lambda _: "",
        running="adding to the dataset",
        occupied="gets new episodes",
        cancelled="Its takes are back in the list with their verdicts; finished encodes will be reused.",
        closed="Its takes are back in the list.",
    ),
    OperationType.EDIT: TypeSpec(
        action=Action.REVISE,
        has_jobs=False,
        summary=_edit_summary,
        running="changing the dataset",
        occupied="is being changed",
        cancelled="Your pending changes are kept; the dataset is unchanged.",
        closed="Your pending changes are kept; the dataset is unchanged.",
    ),
    OperationType.REVERT: TypeSpec(
        action=Action.REVISE,
        has_jobs=False,
        summary=_revert_summary,
        running="reverting the dataset",
        occupied="is being reverted",
        cancelled="The dataset is unchanged.",
        closed="The dataset is unchanged.",
    ),
}

if missing := set(OperationType) - TYPES.keys():
    raise TypeError(f"TYPES lacks {missing}")
