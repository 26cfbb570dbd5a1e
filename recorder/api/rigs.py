"""Rigs: read their state and control them."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from asgiref.sync import async_to_sync
from django.http import HttpRequest
from ninja import Path, Query, Router

from recorder.api import lookups
from recorder.api.auth import QUICK_ACCESS, actor_of
from recorder.api.paging import Limit, Page, by_name
from recorder.api.replay_schemas import ReplayIn
from recorder.api.schemas import (
    ERRORS,
    CommandIn,
    RecordIn,
    RecordOut,
    RemarkKept,
    ReplyOut,
    RigName,
    RigOut,
    TakeRemark,
)
from recorder.api.station_schemas import OrderedOut
from recorder.live.emergency import stop_rig
from recorder.live.recording import give_command, start_recording
from recorder.live.remarks import remark_on_take
from recorder.live.replaying import start_replay
from recorder.live.rigs import expire_rigs, find_rig
from recorder.live.station_rigs import forget_rig
from recorder.models import Rig
from recorder.review.bulk_edit import set_outcome
from recorder.review.verdicts import edit_episodes
from robotdata.rig.states import EMERGENCY_STOP

router = Router(tags=["rigs"])


@router.get("/rigs", response={200: Page[RigOut], **ERRORS})
def list_rigs(
    request: HttpRequest, limit: Limit = 100, after: Annotated[RigName | None, Query()] = None
) -> dict[str, Any]:
    """List the rigs that have connected and were not removed, with their last reported state."""
    expire_rigs()
    return by_name(Rig.objects.listed(), "name", limit=limit, after=after)


@router.get("/rigs/{name}", response={200: RigOut, **ERRORS})
def get_rig(request: HttpRequest, name: Annotated[RigName, Path()]) -> Rig:
    """Return one rig with its state, controls and blockers."""
    return find_rig(name=name)


@router.delete("/rigs/{name}", response={200: OrderedOut, **ERRORS})
def remove_rig_row(request: HttpRequest, name: Annotated[RigName, Path()]) -> dict[str, bool]:
    """Take an offline rig that no station runs from the lists, until it connects again; its takes stay."""
    forget_rig(name=name, actor=actor_of(request))
    return {"ok": True}


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
    return give_command(rig_name=name, name=command, args=body.args, command_id=command_id, actor=actor_of(request))


@router.post("/rigs/{name}/record", response={200: RecordOut, **ERRORS})
def record_on_rig(request: HttpRequest, name: Annotated[RigName, Path()], body: RecordIn) -> dict[str, Any]:
    """Start a take in the running session; start a session if none records into this dataset."""
    settings = body.model_dump(include={"task", "countdown_s", "episode_s", "reset_s", "target"})
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


@router.post("/rigs/{name}/replay", response={200: ReplyOut, **ERRORS})
def replay_on_rig(request: HttpRequest, name: Annotated[RigName, Path()], body: ReplayIn) -> dict[str, Any]:
    """Play a take or an episode back to the rig's robot, slowly; 409 with the reason if it does not fit."""
    reply = start_replay(
        rig_name=name,
        episode=lookups.episode_of(body.episode),
        actor=actor_of(request),
        speed=body.speed,
        first=body.first,
        last=body.last,
        unwatched=body.unwatched,
        command_id=str(body.id) if body.id else None,
    )
    return {"ok": True, "id": reply["id"]}


@router.patch("/rigs/{name}/takes/{take}", response={200: RemarkKept, **ERRORS})
def annotate_on_rig(
    request: HttpRequest, name: Annotated[RigName, Path()], take: UUID, body: TakeRemark
) -> dict[str, Any]:
    """Say how a take went, and a note, while the rig records it and afterwards; recording continues."""
    actor, fields = actor_of(request), body.model_dump(exclude_unset=True)
    episode = remark_on_take(rig_name=name, take_id=take, fields=fields, actor=actor)
    if episode is not None and "outcome" in fields:
        set_outcome(episode=episode, outcome=fields["outcome"], actor=actor)
    if episode is not None and "note" in fields:
        edit_episodes(episodes=[episode], actor=actor, note=fields["note"])
    return {"durable": episode is not None}
