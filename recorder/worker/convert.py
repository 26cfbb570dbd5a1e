"""Run conversions: make a dataset v3.0 of a folder of version v2.0 or v2.1."""

from __future__ import annotations

from recorder.catalog.datasets_on_disk import LOCK_WAIT_S
from recorder.catalog.source_folders import source_folder
from recorder.jobs.leases import Heartbeat
from recorder.jobs.operation_rows import is_written
from recorder.models import Episode, Operation
from recorder.worker.revise import write_rows
from recorder.worker.run_steps import Progress, begin_writing, in_shown_steps, made_by, owned_row, step_recorder
from robotdata.dataset.convert.run import convert_dataset
from robotdata.dataset.errors import ConversionError
from robotdata.dataset.lock import dataset_lock
from robotdata.dataset.write.swap import recover_dataset


def run_conversion(operation: Operation, heartbeat: Heartbeat) -> list[Episode]:
    """Convert the folder in `arguments`. Return []: no raw frames to delete.

    Idempotent after a crash at any point. Raise LostLease as soon as the row is cancelled, and Refused if the folder
    has become a link that leads elsewhere.
    """
    dataset = operation.dataset
    with dataset_lock(dataset.path, wait_s=LOCK_WAIT_S):
        recover_dataset(dataset.path, dataset.work_path, dataset.revisions_path)
        if not is_written(operation):
            _convert(operation, in_shown_steps(step_recorder(operation, heartbeat)))
    write_rows(operation)
    return []


def _convert(operation: Operation, progress: Progress) -> None:
    """Convert. A refusal for some of the episodes is noted, because the others can be converted without them."""
    dataset = operation.dataset
    owned_row(operation).update(result={})
    try:
        convert_dataset(
            source_folder(operation.arguments["source"], verb="convert"),
            dataset.path,
            work=dataset.work_path,
            leave_out=bool(operation.arguments.get("leave_out")),
            progress=progress,
            before_swap=begin_writing(operation),
            lock_wait_s=LOCK_WAIT_S,
            made_by=made_by(operation),
        )
    except ConversionError as error:
        owned_row(operation).update(result={"problems": len(error.problems)})
        raise
