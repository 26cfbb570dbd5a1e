"""Run repairs: put right what is wrong in a dataset, as its next revision."""

from __future__ import annotations

from recorder.catalog.datasets_on_disk import KEEP_REVISIONS, LOCK_WAIT_S
from recorder.jobs.leases import Heartbeat
from recorder.jobs.operation_rows import is_written
from recorder.models import Episode, Operation
from recorder.worker.revise import write_rows
from recorder.worker.run_steps import begin_writing, made_by, owned_row, step_recorder
from robotdata.dataset.lock import dataset_lock
from robotdata.dataset.repair.run import repair
from robotdata.dataset.write.swap import recover_dataset


def run_repair(operation: Operation, heartbeat: Heartbeat) -> list[Episode]:
    """Repair the dataset. Return []: no raw frames to delete.

    Idempotent after a crash at any point. Raise LostLease as soon as the row is cancelled.
    """
    dataset = operation.dataset
    with dataset_lock(dataset.path, wait_s=LOCK_WAIT_S):
        recover_dataset(dataset.path, dataset.work_path, dataset.revisions_path)
        if not is_written(operation):
            owned_row(operation).update(result={})
            result = repair(
                dataset.path,
                work=dataset.work_path,
                revisions=dataset.revisions_path,
                keep_revisions=KEEP_REVISIONS,
                progress=step_recorder(operation, heartbeat),
                before_swap=begin_writing(operation),
                lock_wait_s=LOCK_WAIT_S,
                made_by=made_by(operation),
            )
            done = {"findings": len(result.report.findings), "left": len(result.report.left)}
            owned_row(operation).update(result={**done, "revision": result.revision})
    write_rows(operation)
    return []
