"""Write datasets as v2.1, for programs that read nothing newer. The dataset itself is not changed."""

from __future__ import annotations

from recorder.catalog.datasets_on_disk import LOCK_WAIT_S
from recorder.jobs.leases import Heartbeat
from recorder.models import Episode, Operation
from recorder.models.lifecycle import end_operation
from recorder.models.paths import exports_root, work_of
from recorder.models.states import OperationState
from recorder.worker.run_steps import begin_writing, in_shown_steps, owned_row, step_recorder
from robotdata.dataset.convert.older import convert_to_older
from robotdata.dataset.lock import dataset_locks
from robotdata.dataset.write.swap import is_fresh, recover_dataset


def run_older(operation: Operation, heartbeat: Heartbeat) -> list[Episode]:
    """Write the folder that `arguments` names. Return []: no raw frames to delete.

    The folder's name belongs to this operation alone, so a second run after a crash finds it whole or not at all. Raise
    LostLease as soon as the row is cancelled.
    """
    dataset, target = operation.dataset, exports_root() / str(operation.arguments["folder"])
    target.parent.mkdir(exist_ok=True)
    result = {"folder": target.name, "notes": []}
    with dataset_locks([dataset.path, target], wait_s=LOCK_WAIT_S):
        recover_dataset(dataset.path, dataset.work_path, dataset.revisions_path)
        recover_dataset(target, work_of(target), work_of(target) / "none")
        if is_fresh(target):
            owned_row(operation).update(result={})
            written = convert_to_older(
                dataset.path,
                target,
                work=work_of(target),
                progress=in_shown_steps(step_recorder(operation, heartbeat)),
                before_swap=begin_writing(operation),
                lock_wait_s=LOCK_WAIT_S,
            )
            result["notes"] = written.notes[:20]
    if owned_row(operation).update(result=result):
        end_operation(operation, OperationState.DONE)
    return []
