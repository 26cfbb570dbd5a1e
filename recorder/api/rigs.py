"""Rigs: read their state and control them."""

from __future__ import annotations

from typing import Annotated, Any

from asgiref.sync import async_to_sync
from django.http import HttpRequest
from ninja import Path, Query, Router

from recorder.api import lookups
from recorder.api.auth import QUICK_ACCESS, actor_of
from recorder.api.paging import Limit, Page, by_name
from recorder.api.schemas import ERRORS, CommandIn, RecordIn, RecordOut, ReplyOut, RigName, RigOut
from recorder.live.emergency import stop_rig
from recorder.live.recording import start_recording
from recorder.live.rig_commands import send_command
from recorder.live.rigs import expire_rigs, find_rig
from recorder.models import Rig
from robotdata.rig.states import EMERGENCY_STOP

router = Router(tags=["rigs"])


@router.get("/rigs", response={200: Page[RigOut], **ERRORS})
def list_rigs(
    request: HttpRequest, limit: Limit = 100, after: Annotated[RigName | None, Query()] = None
) -> dict[str, Any]:
    """List every rig that ever connected, with its last reported state."""
    expire_rigs()
    return by_name(Rig.objects.all(), "name", limit=limit, after=after)


@router.get("/rigs/{name}", response={200: RigOut, **ERRORS})
def get_rig(request: HttpRequest, name: Annotated[RigName, Path()]) -> Rig:
    """Return one rig with its state, controls and blockers."""
    return find_rig(name=name)


@router.post(f"/rigs/{{name}}/commands/{EMERGENCY_STOP}", response={200: ReplyOut, **ERRORS}, auth=QUICK_ACCESS)
def emergency_stop(request: HttpRequest, name: Annotated[RigName, Path()], body: CommandIn) -> dict[str, Any]:
    """Stop the rig's robot at once, in any state; 504 if the rig does not confirm it."""
    command_id = str(body.id) if body.id else None
    return async_to_sync(stop_rig)(name, by=request.user.get_username(), command_id=command_id)


@router.post("/rigs/{name}/commands/{command}", response={200: ReplyOut, **ERRORS})
def command_rig(
    request: HttpRequest,
    name: Annotated[RigName, Path()],
    command: Annotated[str, Path(max_length=40)],
    body: CommandIn,
) -> dict[str, Any]:
    """Send a command and wait for the rig's reply; 409 with its message if the rig refuses."""
    command_id = str(body.id) if body.id else None
    return async_to_sync(send_command)(name, command, body.args, command_id=command_id, actor=actor_of(request))


@router.post("/rigs/{name}/record", response={200: RecordOut, **ERRORS})
def record_on_rig(request: HttpRequest, name: Annotated[RigName, Path()], body: RecordIn) -> dict[str, Any]:
    """Start a take in the running session; start a session if none records into this dataset."""
    settings = body.model_dump(include={"task", "countdown_s", "episode_s", "reset_s"})
    actor = actor_of(request)
    session, reply = start_recording(
        rig_name=name,
        dataset=lookups.dataset_of(body.dataset),
        actor=actor,
        take=str(body.take) if body.take else None,
        command_id=str(body.id) if body.id else None,
        operator=actor.name if body.operator is None else body.operator,
        **settings,
    )
    return {"ok": True, "id": reply["id"], "session": session.pk}
