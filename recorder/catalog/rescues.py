"""Repair a folder that cannot be opened: the report first, then a new dataset of what is whole; the folder stays."""

from __future__ import annotations

from pathlib import Path

from django.db import transaction

from recorder.actor import Actor
from recorder.catalog.background import Background, Computed
from recorder.catalog.conversions import failed_before
from recorder.catalog.datasets import create_dataset
from recorder.catalog.source_folders import source_folder
from recorder.errors import Refused
from recorder.jobs.operation_rows import begin_revising
from recorder.jobs.operations import cancel_operation
from recorder.models import Operation, Unopened
from recorder.models.paths import work_of
from recorder.models.permissions import Action, require
from recorder.models.states import OperationType
from recorder.models.unopened import Remedy
from robotdata.dataset.repair.findings import RepairReport
from robotdata.dataset.repair.rescue import examine_lost

_reports: Background[RepairReport] = Background("report about a folder")


def rescue_report(*, row: Unopened, again: bool = False) -> Computed[RepairReport]:
    """Return what a repair of the folder would do. It is examined in a thread: ask until it is there.

    Raise Refused if a repair cannot help this folder.
    """
    _refuse_others(row)
    root = rescue_source(row.name)
    return _reports.ask(root, row.state, lambda: examine_lost(root, work_of(root)), again=again)


def start_rescue(*, row: Unopened, actor: Actor) -> Operation:
    """Start making a dataset of what is whole in the folder of `row`, which is not changed.

    An earlier repair that failed is given up. Raise Refused if a repair cannot help, if the folder is being repaired or
    was repaired, and if a dataset with the new one's title exists.
    """
    require(actor, Action.CREATE_DATASET)
    _refuse_others(row)
    rescue_source(row.name)
    if (failed := failed_before(row.name)) is not None:
        cancel_operation(operation=failed, actor=actor)
    with transaction.atomic():
        dataset = create_dataset(title=f"{row.name} (repaired)", actor=actor)
        arguments = {"source": row.name}
        return begin_revising(type=OperationType.RESCUE, dataset=dataset, actor=actor, arguments=arguments)


def rescue_source(name: str) -> Path:
    """Return the folder `name` among the datasets, with links followed. Raise Refused if it is a link out of them."""
    return source_folder(name, verb="repair")


def _refuse_others(row: Unopened) -> None:
    if row.remedy != Remedy.REPAIR:
        raise Refused("no_remedy", f"{row.name} cannot be repaired: {row.why} {row.cure}".rstrip(), 422)
