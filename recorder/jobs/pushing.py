"""Pushes to the Hub: begin one and try one again. The dataset may be changed meanwhile; a push keeps its own state."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from recorder.actor import Actor
from recorder.errors import Refused
from recorder.jobs.notify import wake_workers
from recorder.models import Dataset, Operation
from recorder.models.lifecycle import restart_operation
from recorder.models.permissions import Action, require
from recorder.models.states import OperationState, OperationType


def begin_push(*, dataset: Dataset, actor: Actor, arguments: dict[str, Any]) -> Operation:
    """Begin a push; a worker runs it next. Raise Refused while another one sends the dataset to this repository."""
    require(actor, Action.PUBLISH_DATASET, dataset)
    with transaction.atomic():
        _check_alone(dataset, str(arguments["repository"]))
        operation = Operation.objects.create(
            dataset=dataset,
            type=OperationType.PUSH,
            arguments=arguments,
            state=OperationState.RUNNING,
            started_by=actor.name,
            reason="by hand",
        )
        wake_workers("run_operation", str(operation.pk))
    return operation


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
    """Raise Refused if a push to the repository runs. Call it in the transaction that begins one."""
    Dataset.objects.select_for_update().get(pk=dataset.pk)
    running = Operation.objects.filter(dataset=dataset, type=OperationType.PUSH, state=OperationState.RUNNING)
    if running.filter(arguments__repository=repository).exists():
        raise Refused(
            "running", f"{dataset.title} is being sent to {repository} already: wait for its end, or cancel it."
        )
