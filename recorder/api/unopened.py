"""Folders among takes and datasets that could not be opened."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router, Schema

from recorder.api.paging import Limit, Page, by_name
from recorder.api.schemas import ERRORS
from recorder.models import Unopened
from recorder.models.unopened import UnopenedKind

router = Router(tags=["unopened"])


class UnopenedOut(Schema):
    """A folder: `what` it appears to be, `why` it was not opened, and how to fix it (`cure`)."""

    id: int
    kind: UnopenedKind
    name: str
    what: str
    why: str
    cure: str
    found_at: datetime


@router.get("/unopened", response={200: Page[UnopenedOut], **ERRORS})
def list_unopened(
    request: HttpRequest, limit: Limit = 100, after: Annotated[int | None, Query(ge=0, le=2**63 - 1)] = None
) -> dict[str, Any]:
    """List the takes and dataset folders that could not be opened."""
    return by_name(Unopened.objects.all(), "pk", limit=limit, after=None if after is None else str(after))
