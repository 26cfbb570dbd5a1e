"""Start the conversion of a folder that has an older version: it becomes a new dataset, and the folder stays."""

from __future__ import annotations

from django.db import transaction

from recorder.actor import Actor
from recorder.catalog.datasets import create_dataset
from recorder.catalog.source_folders import source_folder
from recorder.errors import Refused
from recorder.jobs.converting import conversions_of
from recorder.jobs.operation_rows import begin_revising
from recorder.jobs.operations import cancel_operation
from recorder.models import Operation, Unopened
from recorder.models.permissions import Action, require
from recorder.models.states import OperationState, OperationType
from recorder.models.unopened import Remedy


def start_conversion(*, row: Unopened, actor: Actor, leave_out: bool = False) -> Operation:
    """Start converting the folder of `row` to v3.0. With `leave_out`, episodes that cannot be converted are left out.

    An earlier conversion that failed is given up. Raise Refused if the folder has another version, is a link that leads
    elsewhere, is being converted or was converted, and if a dataset with the new one's title exists.
    """
    require(actor, Action.CREATE_DATASET)
    if row.remedy != Remedy.CONVERT:
        raise Refused("no_remedy", f"{row.name} cannot be converted: {row.why} {row.cure}".rstrip(), 422)
    source_folder(row.name, verb="convert")
    if (failed := failed_before(row.name)) is not None:
        cancel_operation(operation=failed, actor=actor)
    with transaction.atomic():
        dataset = create_dataset(title=f"{row.name} (v3.0)", actor=actor)
        arguments = {"source": row.name, "leave_out": leave_out}
        return begin_revising(type=OperationType.CONVERT, dataset=dataset, actor=actor, arguments=arguments)


def failed_before(name: str) -> Operation | None:
    """Return the failed conversion or repair of the folder `name`. Raise Refused for one that runs or is done."""
    earlier = conversions_of([name]).get(name)
    if earlier is None or earlier.state == OperationState.FAILED:
        return earlier
    done = "converted" if earlier.type == OperationType.CONVERT else "repaired"
    if earlier.state == OperationState.DONE and earlier.dataset.total_episodes:
        raise Refused("exists", f"{name} was {done} already: it is the dataset {earlier.dataset.title}.")
    if earlier.state == OperationState.RUNNING:
        raise Refused("running", f"{name} is being {done}: wait for it, or cancel it first.")
    return None
