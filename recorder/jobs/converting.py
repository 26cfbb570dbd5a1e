"""Conversions and repairs of folders: which there is of a folder, and what remains of a cancelled one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from django.db import transaction

from recorder.actor import Actor
from recorder.models import Dataset, Operation
from recorder.models.paths import datasets_root
from recorder.models.permissions import Action, require
from recorder.models.states import NEW_FROM_FOLDER


def conversions_of(names: Iterable[str]) -> dict[str, Operation]:
    """Return the newest conversion or repair of each of these folders that has one."""
    rows = Operation.objects.filter(type__in=NEW_FROM_FOLDER, arguments__source__in=list(names))
    return {str(row.arguments["source"]): row for row in rows.select_related("dataset").order_by("created_at")}


def prepare_removal(operation: Operation, actor: Actor) -> Callable[[], None]:
    """Return the function that deletes a cancelled conversion, and the new dataset's row and settings.

    If somebody has recorded into the new dataset or begun to, both rows stay.
    """
    require(actor, Action.CREATE_DATASET, operation)

    def remove() -> None:
        dataset = operation.dataset
        if dataset.episodes.exists() or dataset.sessions.exists():
            return
        Operation.objects.filter(pk=operation.pk).delete()
        if not dataset.operations.exists():
            Dataset.objects.filter(pk=dataset.pk).delete()
            transaction.on_commit(partial(_delete_settings, dataset.slug), robust=True)

    return remove


def _delete_settings(slug: str) -> None:
    """Delete the settings saved beside the datasets: `rebuild` would make a dataset of them, and its name is taken."""
    if not Dataset.objects.filter(slug=slug).exists():  # another may have the name by now
        (datasets_root() / ".settings" / f"{slug}.json").unlink(missing_ok=True)
