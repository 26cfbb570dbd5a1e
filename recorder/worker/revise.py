"""Run edits and reverts: make the dataset's next revision, then update the rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import transaction

from recorder.catalog.datasets_on_disk import KEEP_REVISIONS, LOCK_WAIT_S, refresh_dataset
from recorder.catalog.sidecars import adopt_sidecar, ids_for
from recorder.jobs.leases import Heartbeat
from recorder.jobs.operation_rows import is_written, operation_of
from recorder.models import Episode, Operation
from recorder.models.lifecycle import end_operation
from recorder.models.states import CHANGES, OperationState
from recorder.worker.run_steps import Progress, made_by, owned_row, step_recorder
from robotdata.dataset.annotations import Edit, planned_edit
from robotdata.dataset.errors import EditError
from robotdata.dataset.lock import dataset_lock
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.write.edit import apply_edit, revert
from robotdata.dataset.write.swap import recover_dataset

_MakeRevision = Callable[[dict[str, Any], Progress], None]
"""Makes the revision, given the folders and names that `dataset.write` needs, and the progress to call."""


def run_edit(operation: Operation, heartbeat: Heartbeat) -> list[Episode]:
    """Delete, relabel and trim the episodes in `arguments`, as one revision. Return []: no raw frames to delete."""
    pks = frozenset(operation.arguments["episodes"])  # exactly what the person saw before pressing the button
    requested: dict[int, tuple[int, int]] = {}

    def plan(base: DatasetFolder) -> Edit:
        edit = planned_edit(base, pks)
        requested.update(edit.trims)
        return edit

    def make(folders: dict[str, Any], progress: Progress) -> None:
        edited = apply_edit(operation.dataset.path, plan, progress=progress, **folders)
        rounded = sum(kept_range != requested[number] for number, kept_range in edited.trimmed.items()) if edited else 0
        if rounded:
            operation.result = {"rounded": rounded}
            Operation.objects.filter(pk=operation.pk, token=operation.token).update(result=operation.result)

    return make_revision_once(operation, heartbeat, make)


def run_revert(operation: Operation, heartbeat: Heartbeat) -> list[Episode]:
    """Make the revision in `arguments` the present one again, as a new one. Return []: no raw frames to delete.

    Raise EditError if it is to undo an operation and another change came since, such as takes that were encoded.
    """

    def make(folders: dict[str, Any], _: Progress) -> None:
        undoes = operation.arguments.get("undoes")
        if undoes and operation_of(operation.dataset.path) != undoes:
            raise EditError(
                f"{operation.dataset.title} was changed since the undo was asked for, and that would be lost: "
                "revert it on its page, to the revision you want"
            )
        revert(operation.dataset.path, int(operation.arguments["revision"]), **folders)

    return make_revision_once(operation, heartbeat, make)


def make_revision_once(operation: Operation, heartbeat: Heartbeat, make: _MakeRevision) -> list[Episode]:
    """Make the revision, then update the rows. Idempotent after a crash at any point: the revision is made once."""
    dataset = operation.dataset
    folders = {
        "work": dataset.work_path,
        "revisions": dataset.revisions_path,
        "keep_revisions": KEEP_REVISIONS,
        "made_by": made_by(operation),
        "ids": ids_for(dataset),
    }
    with dataset_lock(dataset.path, wait_s=LOCK_WAIT_S):
        recover_dataset(dataset.path, dataset.work_path, dataset.revisions_path)
        if not is_written(operation):
            make(folders, step_recorder(operation, heartbeat))
    write_rows(operation)
    return []


def write_rows(operation: Operation) -> None:
    """Update the rows from the folder, and end the operation. Idempotent, in case another worker took over."""
    refresh_dataset(dataset=operation.dataset)
    adopt_sidecar(operation.dataset)
    if operation.type in CHANGES:
        owned_row(operation).update(result={**operation.result, "revision": operation.dataset.revision})
    with transaction.atomic():
        end_operation(operation, OperationState.DONE)
