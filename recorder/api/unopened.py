"""Folders among takes and datasets that could not be opened."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Path, Query, Router, Schema, Status

from recorder.api import lookups
from recorder.api.auth import actor_of
from recorder.api.operation_schemas import OperationDetail
from recorder.api.operations import Detail
from recorder.api.paging import Limit, Page, by_name
from recorder.api.repairs import RepairOut, repair_out
from recorder.api.schemas import ERRORS, Body
from recorder.catalog.conversions import start_conversion
from recorder.catalog.rescues import rescue_report, start_rescue
from recorder.models import Unopened
from recorder.models.unopened import Remedy, UnopenedKind

router = Router(tags=["unopened"])


class UnopenedOut(Schema):
    """A folder: `what` it appears to be, `why` it was not opened, and how to fix it (`cure`).

    `remedy`: what robotdata itself can do: `convert` (see `POST /api/unopened/{id}/convert`), `repair` (see
    `POST /api/unopened/{id}/repair`), or empty.
    """

    id: int
    kind: UnopenedKind
    name: str
    what: str
    why: str
    cure: str
    remedy: Remedy | Literal[""]
    found_at: datetime


class ConvertIn(Body):
    """With `leave_out`, episodes that cannot be converted are left out; otherwise nothing is converted then."""

    leave_out: bool = False


@router.get("/unopened", response={200: Page[UnopenedOut], **ERRORS})
def list_unopened(
    request: HttpRequest, limit: Limit = 100, after: Annotated[int | None, Query(ge=0, le=2**63 - 1)] = None
) -> dict[str, Any]:
    """List the takes and dataset folders that could not be opened."""
    return by_name(Unopened.objects.all(), "pk", limit=limit, after=None if after is None else str(after))


@router.post("/unopened/{unopened_id}/convert", response={201: OperationDetail, **ERRORS})
def convert(request: HttpRequest, unopened_id: Annotated[int, Path(ge=0, le=2**63 - 1)], body: ConvertIn) -> Any:
    """Convert a dataset v2.0 or v2.1 to v3.0. It becomes a new dataset; the folder is not changed."""
    row = lookups.unopened_of(unopened_id)
    return Status(201, Detail(start_conversion(row=row, actor=actor_of(request), leave_out=body.leave_out)))


@router.get("/unopened/{unopened_id}/repair", response={200: RepairOut, **ERRORS})
def get_rescue_report(
    request: HttpRequest,
    unopened_id: Annotated[int, Path(ge=0, le=2**63 - 1)],
    again: Annotated[bool, Query()] = False,
) -> RepairOut:
    """Return what a repair of the folder would do. The first call begins it: repeat until `running` is false."""
    return repair_out(rescue_report(row=lookups.unopened_of(unopened_id), again=again))


@router.post("/unopened/{unopened_id}/repair", response={201: OperationDetail, **ERRORS})
def rescue(request: HttpRequest, unopened_id: Annotated[int, Path(ge=0, le=2**63 - 1)]) -> Any:
    """Make a new dataset of what is whole in a folder that cannot be opened. The folder is not changed."""
    row = lookups.unopened_of(unopened_id)
    return Status(201, Detail(start_rescue(row=row, actor=actor_of(request))))
