"""Conversions of datasets of older versions: which there is of a folder, and what remains of a cancelled one."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from recorder.actor import Actor
from recorder.models import Dataset, Operation
from recorder.models.permissions import Action, require
from recorder.models.states import OperationType


def conversions_of(names: Iterable[str]) -> dict[str, Operation]:
    """Return the newest conversion of each of these folders that has one."""
    rows = Operation.objects.filter(type=OperationType.CONVERT, arguments__source__in=list(names))
    return {str(row.arguments["source"]): row for row in rows.select_related("dataset").order_by("created_at")}


def prepare_removal(operation: Operation, actor: Actor) -> Callable[[], None]:
    """Return the function that deletes a cancelled conversion and the new dataset's row, unless it has takes."""
    require(actor, Action.CREATE_DATASET, operation)

    def remove() -> None:
        if operation.dataset.episodes.exists():
            return
        Operation.objects.filter(pk=operation.pk).delete()
        if not Operation.objects.filter(dataset=operation.dataset_id).exists():
            Dataset.objects.filter(pk=operation.dataset_id).delete()

    return remove
