"""Run imports: files of other recorders become takes of a dataset."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.db import transaction

from recorder.actor import WORKER
from recorder.catalog.import_uploads import remove_uploads
from recorder.catalog.takes import index_take
from recorder.jobs.leases import Heartbeat, LostLease
from recorder.models import Dataset, Episode, Operation
from recorder.models.lifecycle import end_operation
from recorder.models.states import OperationState
from recorder.text import sanitize_json
from recorder.worker.run_steps import in_shown_steps, owned_row, step_recorder
from robotdata.dataset.features import differences
from robotdata.imports import ImportsError
from robotdata.imports.batch import Batch, import_sources
from robotdata.imports.mapping import parse_mapping
from robotdata.imports.plan import Plan


def run_import(operation: Operation, heartbeat: Heartbeat) -> list[Episode]:
    """Import the files in `arguments`. Return []: no raw frames to delete.

    Idempotent after a crash at any point: a take has an id that follows from its file, so it is written once. Raise
    LostLease as soon as the row is cancelled; takes that are whole by then stay.
    """
    dataset, asked = operation.dataset, operation.arguments
    batch = import_sources(
        [Path(path) for path in asked["paths"]],
        parse_mapping(asked["mapping"]),
        Path(settings.SPOOL_DIR),
        facts={"dataset": dataset.slug, "operator": operation.started_by, "session": "", "rig": ""},
        again=str(asked.get("again", "")),
        misfit=lambda plan: misfit_of(plan, dataset),
        is_known=lambda take_id: Episode.objects.filter(pk=take_id).exists(),
        on_take=lambda take: _index(take.take_id),
        progress=in_shown_steps(step_recorder(operation, heartbeat)),
    )
    _record(operation, batch)
    remove_uploads(operation)
    return []


def misfit_of(plan: Plan, dataset: Dataset) -> str:
    """Return why the take to be does not fit the dataset's episodes; empty if it does, or if none were there yet."""
    if not dataset.has_fixed_features or not dataset.features:
        return ""
    found = differences(plan.features, dataset.features, plan.fps, float(dataset.fps or plan.fps))
    if not found:
        return ""
    listed = "; ".join(f"{each.what}: {each.rig} here, {each.dataset} in the dataset" for each in found[:5])
    return f"it does not fit the episodes of {dataset.title} ({listed}): change the mapping, or choose another dataset"


def _index(take_id: str) -> None:
    index_take(take_id=take_id, actor=WORKER)


def _record(operation: Operation, batch: Batch) -> None:
    """Record what came of it, and end the operation. Raise ImportsError if nothing but failures came of it."""
    result = {
        "imported": len(batch.takes),
        "already": batch.already,
        "failed": [{"name": failure.name, "why": failure.why} for failure in batch.failed],
        "said": batch.summary,
    }
    if not owned_row(operation).update(result=sanitize_json(result)):
        raise LostLease
    said = sanitize_json(f"{batch.summary}.")
    if batch.failed and not batch.takes and not batch.already:
        raise ImportsError(said)
    with transaction.atomic():
        end_operation(operation, OperationState.DONE, said if batch.failed else "")
