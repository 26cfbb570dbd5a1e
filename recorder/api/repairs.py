"""Repair a dataset after a report of what would be done; write a dataset as v2.1."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase
from ninja import Path, Query, Router, Schema, Status

from recorder.api import lookups
from recorder.api.archives import answers, archive_response
from recorder.api.auth import actor_of
from recorder.api.operation_schemas import OperationDetail
from recorder.api.operations import Detail
from recorder.api.schemas import ERRORS, Slug
from recorder.catalog.background import Computed
from recorder.catalog.older_copies import open_older_archive, start_older_copy
from recorder.catalog.repairs import repair_report, start_repair
from robotdata.dataset.repair.findings import RepairReport

router = Router(tags=["datasets"])


class FindingOut(Schema):
    """What a repair puts right: its kind, a sentence, and how many episodes and rows it concerns."""

    code: str
    text: str
    episodes: int
    rows: int


class RepairOut(Schema):
    """The report of an examination, empty while it is `running`: ask again until it is not.

    `findings` are what a repair puts right, `left` what it cannot. `error`: why the dataset cannot be examined.
    """

    running: bool
    at: datetime | None
    seconds: float
    error: str
    episodes: int
    frames: int
    findings: list[FindingOut]
    left: list[str]


@router.get("/datasets/{slug}/repair", response={200: RepairOut, **ERRORS})
def get_repair_report(
    request: HttpRequest, slug: Annotated[Slug, Path()], again: Annotated[bool, Query()] = False
) -> RepairOut:
    """Return what a repair would do. The first call starts the examination: repeat it until `running` is false."""
    return repair_out(repair_report(dataset=lookups.dataset_of(slug), again=again))


@router.post("/datasets/{slug}/repair", response={202: OperationDetail, **ERRORS})
def repair_dataset(request: HttpRequest, slug: Annotated[Slug, Path()]) -> Status[Detail]:
    """Put right what the report lists, as a new revision. Returns an operation: poll it until it is done."""
    operation = start_repair(dataset=lookups.dataset_of(slug), actor=actor_of(request))
    return Status(202, Detail(lookups.operation_of(operation.pk)))


@router.post("/datasets/{slug}/older", response={202: OperationDetail, **ERRORS})
def write_older(request: HttpRequest, slug: Annotated[Slug, Path()]) -> Status[Detail]:
    """Write the dataset as v2.1 into a folder of its own. Returns an operation: poll it, then download its archive."""
    operation = start_older_copy(dataset=lookups.dataset_of(slug), actor=actor_of(request))
    return Status(202, Detail(lookups.operation_of(operation.pk)))


@router.api_operation(
    ["GET", "HEAD"],
    "/operations/{operation_id}/archive.zip",
    response=ERRORS,
    operation_id="get_older_archive",
    openapi_extra={"responses": answers("zip")},
)
def get_older_archive(request: HttpRequest, operation_id: UUID) -> HttpResponseBase:
    """Return what a conversion to v2.1 wrote, as a zip file. Byte ranges are supported."""
    operation = lookups.operation_of(operation_id)
    archive = open_older_archive(operation=operation, actor=actor_of(request))
    return archive_response(request, archive, str(operation.result["folder"]))


def repair_out(computed: Computed[RepairReport]) -> RepairOut:
    """Return a report, or that it is being made, for the API."""
    report = computed.value
    findings = report.findings if report else []
    return RepairOut(
        running=computed.running,
        at=computed.at,
        seconds=round(computed.seconds, 3),
        error=computed.error,
        episodes=report.episodes if report else 0,
        frames=report.frames if report else 0,
        findings=[FindingOut(code=f.code, text=f.text, episodes=f.episodes, rows=f.rows) for f in findings],
        left=list(report.left) if report else [],
    )
