"""Repair a dataset: the report of what would be put right, and the start of the operation that does it."""

from __future__ import annotations

from recorder.actor import Actor
from recorder.catalog.background import Background, Computed
from recorder.errors import Refused
from recorder.jobs.operation_rows import begin_revising
from recorder.models import Dataset, Operation
from recorder.models.permissions import Action, require
from recorder.models.states import OperationType
from robotdata.dataset.errors import DatasetError
from robotdata.dataset.layout import INFO
from robotdata.dataset.reader import identity_of
from robotdata.dataset.repair.examine import examine
from robotdata.dataset.repair.findings import RepairReport

_reports: Background[RepairReport] = Background("repair report")


def repair_report(*, dataset: Dataset, again: bool = False) -> Computed[RepairReport]:
    """Return what a repair of the present revision would do. It is examined in a thread: ask until it is there.

    Raise Refused if nothing is committed, or if the folder cannot be read at all.
    """
    root = dataset.path
    try:
        version = identity_of(root.resolve())
    except (DatasetError, OSError) as error:
        raise Refused("no_dataset", f"{dataset.title} cannot be examined: {str(error).rstrip('.')}.", 409) from error
    return _reports.ask(root, version, lambda: examine(root), again=again)


def start_repair(*, dataset: Dataset, actor: Actor) -> Operation:
    """Start a repair. It makes a new revision, which can be reverted; a dataset without damage stays as it is.

    Raise Refused if nothing is committed, or while another operation runs on the dataset.
    """
    require(actor, Action.REVISE, dataset)
    if not (dataset.path / INFO).is_file():
        raise Refused("empty", f"{dataset.title} has no episode yet: there is nothing to repair.", 404)
    return begin_revising(type=OperationType.REPAIR, dataset=dataset, actor=actor, arguments={})
