"""Describe the types of operations: one entry each, read by services, pages and the API."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from recorder.jobs.change_words import change_summary
from recorder.models import Operation
from recorder.models.permissions import Action
from recorder.models.states import OperationType

EDIT_COUNTS = {"deleted": "delete", "relabelled": "relabel", "trimmed": "trim"}
"""Map the counts of an edit, in its arguments and in the dataset's sidecar, to the verb of each."""


@dataclass(frozen=True, slots=True)
class TypeSpec:
    """The description of one type of operation. `recorder.worker.run.RUNNERS` runs it, `recorder.jobs` starts it."""

    action: Action  # the permission needed to start, cancel or retry one
    has_jobs: bool  # its episodes are prepared by jobs, whose frames are its progress
    summary: Callable[[Operation], str]  # what it does: `delete 3, trim 2`; empty if its episodes show it
    running: str  # what the state `running` means: `changing the dataset`
    occupied: str  # the dataset's status meanwhile: `is being changed`
    cancelled: str  # the result of cancelling it
    closed: str  # the result of giving up a failed one


def spec_of(operation: Operation) -> TypeSpec:
    """Return the description of the operation's type. Raise ValueError if the type is unknown."""
    return TYPES[OperationType(operation.type)]


def _edit_summary(operation: Operation) -> str:
    counts = operation.arguments
    return ", ".join(f"{verb} {counts[name]}" for name, verb in EDIT_COUNTS.items() if counts.get(name))


def _revert_summary(operation: Operation) -> str:
    return f"revert to revision {operation.arguments.get('revision')}"


def _convert_summary(operation: Operation) -> str:
    return f"convert {operation.arguments.get('source')} to v3.0"


def _import_summary(operation: Operation) -> str:
    paths = operation.arguments.get("paths") or []
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"import {str(paths[0]).rpartition('/')[2] if paths else 'nothing'}{more}"


def _transfer_summary(operation: Operation) -> str:
    into = operation.arguments.get("into") or []
    count = operation.arguments.get("count")
    where = ", ".join(str(part.get("title")) for part in into[:3]) + (
        f" and {len(into) - 3} more" if len(into) > 3 else ""
    )
    way = "to" if operation.type in {OperationType.COPY, OperationType.MOVE} else "into"
    return f"{OperationType(operation.type).label} {count} episode{'' if count == 1 else 's'} {way} {where}"


def _undo_summary(operation: Operation) -> str:
    parts = [
        f"remove {'all committed episodes of ' if part.get('keeps_row') else ''}{part.get('title')}"
        for part in operation.arguments.get("remove", [])
    ]
    parts += [f"revert {part.get('title')}" for part in operation.arguments.get("into", [])]
    return f"undo the {operation.arguments.get('what')}: {', '.join(parts)}"


def _push_summary(operation: Operation) -> str:
    way = "pull request to" if operation.arguments.get("pull_request") else "push to"
    return f"{way} {operation.arguments.get('repository')}"


def _transfer(running: str, unchanged: str) -> TypeSpec:
    """Describe a type that brings episodes into other datasets."""
    return TypeSpec(
        action=Action.REVISE,
        has_jobs=False,
        summary=_transfer_summary,
        running=running,
        occupied="is being copied",
        cancelled=unchanged,
        closed=unchanged,
    )


def _own_revision(summary: Callable[[Operation], str], running: str, occupied: str = "is being changed") -> TypeSpec:
    """Describe a type that makes one revision of its own dataset, all of it or nothing."""
    return TypeSpec(
        action=Action.REVISE,
        has_jobs=False,
        summary=summary,
        running=running,
        occupied=occupied,
        cancelled="The dataset is unchanged.",
        closed="The dataset is unchanged.",
    )


def _reshape(running: str) -> TypeSpec:
    """Describe a type that changes the dataset's time or pictures; `arguments["summary"]` says what it does."""
    return _own_revision(lambda operation: str(operation.arguments.get("summary", "")), running)


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
    OperationType.REVERT: _own_revision(_revert_summary, "reverting the dataset", "is being reverted"),
    OperationType.CONVERT: TypeSpec(
        action=Action.CREATE_DATASET,
        has_jobs=False,
        summary=_convert_summary,
        running="converting a dataset",
        occupied="is being converted",
        cancelled="Nothing is left of it; the original is unchanged.",
        closed="Nothing is left of it; the original is unchanged.",
    ),
    OperationType.IMPORT: TypeSpec(
        action=Action.ADD_DATASET,
        has_jobs=False,
        summary=_import_summary,
        running="importing takes",
        occupied="gets imported takes",
        cancelled="Takes that were whole by then are in the list; nothing is left of the others.",
        closed="Takes that were imported stay in the list.",
    ),
    OperationType.UNDO: TypeSpec(
        action=Action.REVISE,
        has_jobs=False,
        summary=_undo_summary,
        running="undoing",
        occupied="is being changed",
        cancelled="Nothing was undone.",
        closed="What was undone stays undone; the rest stays.",
    ),
    OperationType.REPAIR: _own_revision(
        lambda _: "put right what the report lists", "repairing the dataset", "is being repaired"
    ),
    OperationType.RESCUE: TypeSpec(
        action=Action.CREATE_DATASET,
        has_jobs=False,
        summary=lambda operation: f"make a dataset of what is whole in {operation.arguments.get('source')}",
        running="repairing a folder",
        occupied="is being made",
        cancelled="Nothing is left of it; the folder is unchanged.",
        closed="Nothing is left of it; the folder is unchanged.",
    ),
    OperationType.OLDER: TypeSpec(
        action=Action.SEND_DATASET,
        has_jobs=False,
        summary=lambda _: "write it as v2.1",
        running="writing it as v2.1",
        occupied="is being written as v2.1",
        cancelled="Nothing was written.",
        closed="Nothing was written.",
    ),
    OperationType.FEATURES: _own_revision(change_summary, "changing the dataset"),
    OperationType.PUSH: TypeSpec(
        action=Action.PUBLISH_DATASET,
        has_jobs=False,
        summary=_push_summary,
        running="sending the dataset",
        occupied="is being sent",
        cancelled="The dataset there is as it was.",
        closed="What has arrived stays there.",
    ),
    OperationType.COPY: _transfer("copying episodes", "Nothing was copied."),
    OperationType.MOVE: _transfer("moving episodes", "The episodes stay where they are."),
    OperationType.SPLIT: _transfer("splitting the dataset", "No dataset was made."),
    OperationType.MERGE: _transfer("merging datasets", "No dataset was made."),
    OperationType.DUPLICATE: _transfer("duplicating the dataset", "No dataset was made."),
    OperationType.REORDER: _reshape("re-ordering episodes"),
    OperationType.CUT: _reshape("cutting episodes"),
    OperationType.REENCODE: _reshape("encoding again"),
    OperationType.DROP_FRAMES: _reshape("dropping frames"),
    OperationType.TO_VIDEOS: _reshape("changing images to videos"),
    OperationType.TO_IMAGES: _reshape("changing videos to images"),
}

if missing := set(OperationType) - TYPES.keys():
    raise TypeError(f"TYPES lacks {missing}")
