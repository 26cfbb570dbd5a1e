"""Start the conversion of a folder that has an older version: it becomes a new dataset, and the folder stays."""

from __future__ import annotations

from django.db import transaction

from recorder.actor import Actor
from recorder.catalog.datasets import create_dataset
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

    An earlier conversion that failed is given up. Raise Refused if the folder has another version, if it is being
    converted or was converted, and if a dataset with the new one's title exists.
    """
    require(actor, Action.CREATE_DATASET)
    if row.remedy != Remedy.CONVERT:
        raise Refused("no_remedy", f"{row.name} cannot be converted: {row.why} {row.cure}".rstrip(), 422)
    earlier = conversions_of([row.name]).get(row.name)
    if earlier is not None and earlier.state == OperationState.FAILED:
        cancel_operation(operation=earlier, actor=actor)
    elif earlier is not None and earlier.state == OperationState.DONE and earlier.dataset.total_episodes:
        raise Refused("exists", f"{row.name} was converted already: it is the dataset {earlier.dataset.title}.")
    elif earlier is not None and earlier.state == OperationState.RUNNING:
        raise Refused("running", f"{row.name} is being converted: wait for it, or cancel it first.")
    with transaction.atomic():
        dataset = create_dataset(title=f"{row.name} (v3.0)", actor=actor)
        arguments = {"source": row.name, "leave_out": leave_out}
        return begin_revising(type=OperationType.CONVERT, dataset=dataset, actor=actor, arguments=arguments)
