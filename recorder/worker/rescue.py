"""Run rescues: make a dataset of what is whole in a folder that cannot be opened."""

from __future__ import annotations

from recorder.catalog.datasets_on_disk import LOCK_WAIT_S
from recorder.catalog.rescues import rescue_source
from recorder.jobs.leases import Heartbeat
from recorder.jobs.operation_rows import is_written
from recorder.models import Episode, Operation
from recorder.worker.revise import write_rows
from recorder.worker.run_steps import begin_writing, made_by, owned_row, step_recorder
from robotdata.dataset.lock import dataset_lock
from robotdata.dataset.repair.rescue import rescue
from robotdata.dataset.write.swap import recover_dataset


def run_rescue(operation: Operation, heartbeat: Heartbeat) -> list[Episode]:
    """Make the dataset of the folder in `arguments`. Return []: no raw frames to delete.

    Idempotent after a crash at any point. Raise LostLease as soon as the row is cancelled, and Refused if the folder
    has become a link that leads elsewhere.
    """
    dataset = operation.dataset
    with dataset_lock(dataset.path, wait_s=LOCK_WAIT_S):
        recover_dataset(dataset.path, dataset.work_path, dataset.revisions_path)
        if not is_written(operation):
            owned_row(operation).update(result={})
            result = rescue(
                rescue_source(operation.arguments["source"]),
                dataset.path,
                work=dataset.work_path,
                progress=step_recorder(operation, heartbeat),
                before_swap=begin_writing(operation),
                lock_wait_s=LOCK_WAIT_S,
                made_by=made_by(operation),
            )
            done = {"findings": len(result.report.findings), "left": len(result.report.left)}
            owned_row(operation).update(result=done)
    write_rows(operation)
    return []
