"""Pushes to the Hub or to a bucket: begin one and try one again.

The dataset may be changed meanwhile; a push keeps its own state.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction

from recorder.actor import Actor
from recorder.errors import Refused
from recorder.jobs.notify import wake_workers
from recorder.jobs.operation_rows import create_running
from recorder.models import Dataset, Operation
from recorder.models.lifecycle import restart_operation
from recorder.models.permissions import Action, require
from recorder.models.states import OperationState, OperationType
from robotdata.dataset.storage.names import is_target


def begin_push(*, dataset: Dataset, actor: Actor, arguments: dict[str, Any]) -> Operation:
    """Begin a push; a worker runs it next. Raise Refused while another one sends the dataset to this repository."""
    require(actor, Action.PUBLISH_DATASET, dataset)
    with transaction.atomic():
        _check_alone(dataset, str(arguments["repository"]))
        return create_running(type=OperationType.PUSH, dataset=dataset, actor=actor, arguments=arguments)


def restart_push(operation: Operation, actor: Actor) -> Operation:
    """Try a failed push again, with the same state of the dataset and the account of who tries it."""
    require(actor, Action.PUBLISH_DATASET, operation)
    with transaction.atomic():
        _check_alone(operation.dataset, str(operation.arguments["repository"]))
        if operation.arguments.get("user") != actor.user_id:
            raise Refused("other", f"{operation.started_by} began this push: begin one of your own.", 403)
        if not restart_operation(operation, OperationState.RUNNING):
            raise Refused("moved", f"{operation} has changed meanwhile. Reload the page.")
        wake_workers("run_operation", str(operation.pk))
    return operation


def _check_alone(dataset: Dataset, repository: str) -> None:
    """Raise Refused if a push to the repository runs; to a folder of a bucket, also one of another dataset.

    Call it in the transaction that begins one.
    """
    running = Operation.objects.filter(type=OperationType.PUSH, state=OperationState.RUNNING)
    if is_target(repository):
        # Each waits for those before it, also for one of another dataset that begins at the same moment.
        list(Dataset.objects.select_for_update().order_by("pk").values_list("pk"))
    else:
        Dataset.objects.select_for_update().get(pk=dataset.pk)
        running = running.filter(dataset=dataset)
    if other := running.filter(arguments__repository=repository).select_related("dataset").first():
        raise Refused(
            "running", f"{other.dataset.title} is being sent to {repository} already: wait for its end, or cancel it."
        )
