"""Datasets written as v2.1, for programs that read nothing newer: start one, find its folder, delete it."""

from __future__ import annotations

from pathlib import Path

from recorder.actor import Actor
from recorder.errors import Refused
from recorder.jobs.operation_rows import begin_revising
from recorder.models import Dataset, Operation
from recorder.models.paths import exports_root
from recorder.models.permissions import Action, require
from recorder.models.states import OperationState, OperationType
from robotdata.dataset.exchange.errors import TransferError
from robotdata.dataset.exchange.snapshot import Archive, plan_of
from robotdata.dataset.layout import INFO


def start_older_copy(*, dataset: Dataset, actor: Actor) -> Operation:
    """Start writing the dataset as v2.1 into a folder of its own. The dataset is not changed.

    Raise Refused if nothing is committed, or while another operation runs on the dataset.
    """
    require(actor, Action.SEND_DATASET, dataset)
    if not (dataset.path / INFO).is_file():
        raise Refused("empty", f"{dataset.title} has no episode yet: encode takes first.", 404)
    folder = _free_folder(dataset)
    return begin_revising(type=OperationType.OLDER, dataset=dataset, actor=actor, arguments={"folder": folder})


def older_copy(operation: Operation) -> Path | None:
    """Return the folder that the operation wrote; None if it is not there, or the operation wrote none."""
    name = operation.result.get("folder")
    if operation.type != OperationType.OLDER or operation.state != OperationState.DONE or not name:
        return None
    path = exports_root() / str(name)
    return path if path.parent == exports_root() and (path / INFO).is_file() else None


def open_older_archive(*, operation: Operation, actor: Actor) -> Archive:
    """Return the zip file of the folder that the operation wrote. Raise Refused (404) if it is not there."""
    require(actor, Action.SEND_DATASET, operation.dataset)
    folder = older_copy(operation)
    if folder is None:
        raise Refused("no_copy", "This copy is not there any more, or not written yet: write it again.", 404)
    try:
        plan = plan_of(folder, folder.name)
    except (TransferError, OSError) as error:
        raise Refused("not_sent", f"{folder} cannot be read: {error}. Write it again.", 503) from error
    return Archive(plan, plan.etag)


def _free_folder(dataset: Dataset) -> str:
    """Return a folder name that no operation of this dataset has used."""
    count = Operation.objects.filter(dataset=dataset, type=OperationType.OLDER).count()
    names = (f"{dataset.slug}-v2.1" + (f"-{n}" if n > 1 else "") for n in range(count + 1, count + 1000))
    return next(name for name in names if not (exports_root() / name).exists())
