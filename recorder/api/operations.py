"""Operations: watch, cancel and retry what changes datasets."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router, Status

from recorder.api import lookups
from recorder.api.auth import actor_of
from recorder.api.operation_schemas import OperationDetail, OperationOut
from recorder.api.paging import Limit, Page, newest_first
from recorder.api.schemas import ERRORS, Slug
from recorder.catalog.transfer_undo import undo_transfer
from recorder.jobs.operations import cancel_operation, retry_operation
from recorder.jobs.progress import encoding_progress
from recorder.models import Operation
from recorder.models.states import OperationState, OperationType

router = Router(tags=["operations"])


class Detail:
    """An operation with its progress and jobs, as OperationDetail reads them."""

    def __init__(self, operation: Operation) -> None:
        progress = encoding_progress(operation)
        self.operation = operation
        self.frames_done = progress.frames_done
        self.frames_total = progress.frames_total
        self.frames_per_s = progress.fps
        self.seconds_left = progress.seconds_left
        self.jobs = list(operation.jobs.all())

    def __getattr__(self, name: str) -> Any:
        return getattr(self.operation, name)


@router.get("/operations", response={200: Page[OperationOut], **ERRORS})
def list_operations(
    request: HttpRequest,
    dataset: Annotated[Slug | None, Query()] = None,
    type: OperationType | None = None,
    state: OperationState | None = None,
    limit: Limit = 100,
    after: UUID | None = None,
) -> dict[str, Any]:
    """List operations, newest first."""
    rows = Operation.objects.select_related("dataset")
    if dataset:
        rows = rows.filter(dataset__slug=dataset)
    if type:
        rows = rows.filter(type=type)
    if state:
        rows = rows.filter(state=state)
    return newest_first(rows, "created_at", limit=limit, after=after)


@router.get("/operations/{operation_id}", response={200: OperationDetail, **ERRORS})
def get_operation(request: HttpRequest, operation_id: UUID) -> Detail:
    """Return one operation with its progress and jobs."""
    return Detail(lookups.operation_of(operation_id))


@router.post("/operations/{operation_id}/cancel", response={200: OperationDetail, **ERRORS})
def cancel(request: HttpRequest, operation_id: UUID) -> Detail:
    """Cancel it. Takes that were to be encoded keep their verdicts; pending changes stay pending."""
    return Detail(cancel_operation(operation=lookups.operation_of(operation_id), actor=actor_of(request)))


@router.post("/operations/{operation_id}/undo", response={202: OperationDetail, **ERRORS})
def undo(request: HttpRequest, operation_id: UUID) -> Status[Detail]:
    """Undo a finished copy, move, split or merge, or a change of features, time or pictures. Returns an operation."""
    operation = undo_transfer(operation=lookups.operation_of(operation_id), actor=actor_of(request))
    return Status(202, Detail(lookups.operation_of(operation.pk)))


@router.post("/operations/{operation_id}/retry", response={200: OperationDetail, **ERRORS})
def retry(request: HttpRequest, operation_id: UUID) -> Detail:
    """Retry what failed, in a new operation if the rest is in the dataset; finished work is kept."""
    return Detail(retry_operation(operation=lookups.operation_of(operation_id), actor=actor_of(request)))
