"""Sessions: start, read and end them."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router, Status

from recorder.api import lookups
from recorder.api.auth import actor_of
from recorder.api.paging import Limit, Page, newest_first
from recorder.api.schemas import ERRORS, RigName, SessionEnd, SessionEnded, SessionIn, SessionOut, SessionPatch, Slug
from recorder.live.recording import finish_session
from recorder.live.rigs import find_rig
from recorder.live.sessions import change_session, start_session
from recorder.models import Session

router = Router(tags=["sessions"])


@router.get("/sessions", response={200: Page[SessionOut], **ERRORS})
def list_sessions(
    request: HttpRequest,
    rig: Annotated[RigName | None, Query()] = None,
    dataset: Annotated[Slug | None, Query()] = None,
    running: bool | None = None,
    limit: Limit = 100,
    after: UUID | None = None,
) -> dict[str, Any]:
    """List sessions, newest first."""
    rows = Session.objects.select_related("rig", "dataset")
    if rig:
        rows = rows.filter(rig__name=rig)
    if dataset:
        rows = rows.filter(dataset__slug=dataset)
    if running is not None:
        rows = rows.filter(ended_at__isnull=running)
    return newest_first(rows, "started_at", limit=limit, after=after)


@router.post("/sessions", response={200: SessionOut, 201: SessionOut, **ERRORS})
def begin_session(request: HttpRequest, body: SessionIn) -> Status[Session]:
    """Start a session (201), or change the settings of the one this rig already records into this dataset (200)."""
    rig, dataset = find_rig(name=body.rig), lookups.dataset_of(body.dataset)
    settings = body.model_dump(include={"task", "countdown_s", "episode_s", "reset_s", "target"})
    actor = actor_of(request)
    settings["operator"] = actor.name if body.operator is None else body.operator
    session, is_new = start_session(rig=rig, dataset=dataset, actor=actor, **settings)
    if not is_new:
        change_session(session=session, actor=actor, **settings)
    return Status(201 if is_new else 200, session)


@router.patch("/sessions/{session_id}", response={200: SessionOut, **ERRORS})
def change_target(request: HttpRequest, session_id: UUID, body: SessionPatch) -> Session:
    """Set how many kept episodes of the session's task are wanted; takes are recorded beyond that too."""
    session = lookups.session_of(session_id)
    change_session(session=session, actor=actor_of(request), target=body.target)
    return session


@router.post("/sessions/{session_id}/end", response={200: SessionEnded, **ERRORS})
def end_running_session(request: HttpRequest, session_id: UUID, body: SessionEnd | None = None) -> dict[str, Any]:
    """End a session; this may start a batch if the dataset's policy says so. Idempotent."""
    session = lookups.session_of(session_id)
    operation = finish_session(session=session, actor=actor_of(request), stop=body is not None and body.stop)
    return {"session": session, "operation": operation.pk if operation else None}
