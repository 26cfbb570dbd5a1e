"""Start recording, which creates a session and commands the rig; end a session so that no further take starts."""

from __future__ import annotations

import contextlib
from typing import Any

from asgiref.sync import async_to_sync

from recorder.actor import Actor
from recorder.errors import Refused
from recorder.live.preflight import check_rig
from recorder.live.rig_commands import send_command
from recorder.live.rigs import find_rig_to_command
from recorder.live.sessions import (
    BUSY_STATES,
    change_session,
    drop_session,
    end_on_rig,
    end_session,
    record_args,
    start_session,
)
from recorder.models import Dataset, Episode, Operation, Rig, Session
from recorder.models.permissions import Action, require
from recorder.models.states import EpisodeState, RigState
from recorder.task_text import checked_task
from recorder.text import parse_uuid
from robotdata.rig.states import PREFLIGHT

WAITING_STATES = {RigState.RESETTING, RigState.PAUSED}


def start_recording(
    *,
    rig_name: str,
    dataset: Dataset,
    actor: Actor,
    take: str | None = None,
    command_id: str | None = None,
    **settings: Any,
) -> tuple[Session, dict[str, Any]]:
    """Start recording; return the session and the rig's reply.

    `settings` are task, operator, countdown_s, episode_s, reset_s and target. Raise Refused as `send_command` does, and
    if the rig is offline or `take` is the id of an episode; a session that was created for this take is then deleted.
    """
    settings["task"] = checked_task(str(settings.get("task") or ""))
    rig = find_rig_to_command(name=rig_name)
    require(actor, Action.RECORD, rig, dataset)
    _check_take(take)
    if not rig.is_online:
        raise Refused("offline", f"{rig.name} is offline, so it cannot record: start the rig, then try again.")
    session, is_new = start_session(rig=rig, dataset=dataset, actor=actor, **settings)
    args = record_args(session, **settings)
    if take is not None:
        args["take"] = take
    try:
        reply = async_to_sync(send_command)(rig.name, "record", args, command_id=command_id, actor=actor, rig=rig)
    except Refused as refusal:
        # Without an answer the rig may be recording, and then it needs the session.
        if is_new and refusal.code != "no_answer":
            drop_session(session=session, actor=actor)
        raise
    if not is_new:
        change_session(session=session, actor=actor, **settings)
    return session, reply


def _check_take(take: object) -> None:
    """Raise Refused if the new take would get the id of an episode whose frames are not in the spool any more.

    The rig would record it, because it knows the takes of its spool alone, and the frames would pass for those of the
    episode: not listed, and deleted in the end. An id in the spool is the rig's to judge; it repeats its answer.
    """
    if take is None or (take_id := parse_uuid(take)) is None:
        return
    known = Episode.objects.filter(pk=take_id).first()
    if known is not None and (known.state == EpisodeState.ENCODED or known.purged_at is not None):
        raise Refused("conflict", f"{take} is the id of {known} already: send a new UUID as take, or none.")


def give_command(
    *, rig_name: str, name: str, args: dict[str, Any], actor: Actor, command_id: str | None = None
) -> dict[str, Any]:
    """Send a command to the rig and return its reply. Raise Refused as `send_command` does.

    `preflight` is sent by `check_rig`, which adds what the dataset demands.

    `rerecord` rejects the take that has ended last; it is refused if that take's session has ended, because the next
    take would belong to no session, or if the take is in its dataset or on its way there.
    """
    rig = find_rig_to_command(name=rig_name)
    require(actor, Action.COMMAND_RIG, rig)
    if name == PREFLIGHT:
        return check_rig(rig=rig, args=args, actor=actor, command_id=command_id)
    if name == "record":
        _check_take(args.get("take"))
    if name == "rerecord":
        _check_rejectable(rig, args)
    return async_to_sync(send_command)(rig.name, name, args, command_id=command_id, actor=actor, rig=rig)


def _check_rejectable(rig: Rig, args: dict[str, Any]) -> None:
    newest = rig.status.get("take") or rig.status.get("last_take") or {}
    if (take_id := parse_uuid(args.get("take", newest.get("id")))) is None:
        return
    takes = Episode.objects.select_related("session", "dataset").filter(pk=take_id)
    for episode in takes.exclude(state=EpisodeState.RECORDING):
        if episode.session is None or episode.session.ended_at is not None:
            raise Refused("not_allowed", "The session of the last take has ended: press Record to begin another one.")
        if episode.state in (EpisodeState.ENCODING, EpisodeState.ENCODED) or episode.purged_at is not None:
            raise Refused("not_allowed", f"{episode} cannot be recorded again: it is no longer a take to review.")


def finish_session(*, session: Session, actor: Actor, stop: bool = False) -> Operation | None:
    """End the session; return the batch that the dataset's policy started, if any.

    With `stop`, the take that is being recorded is stopped and kept, and one that is about to begin is called off.
    Raise Refused while a take is recorded, because it belongs to a session; with `stop` also if the rig does not
    answer.
    """
    require(actor, Action.RECORD, session)
    rig = find_rig_to_command(name=session.rig.name)
    if session.ended_at is None and not stop and rig.state in BUSY_STATES:
        raise Refused("not_allowed", f"{rig.name} is {rig.state}: stop the take first, then end the session.")
    heard = True
    if session.ended_at is None and rig.is_online:
        if stop:
            # `stop` between the two: the countdown may end before the first, and a reset phase begin before the last.
            for command in ("cancel", "stop", "cancel"):
                _command_if_allowed(rig, command, actor)
        elif rig.state in WAITING_STATES:
            with contextlib.suppress(Refused):  # otherwise the reset timer would start one more take
                async_to_sync(send_command)(rig.name, "cancel", actor=actor, rig=rig)
        heard = end_on_rig(rig=rig, session=session, actor=actor, must_answer=stop)
    return end_session(session=session, actor=actor, heard=heard)


def _command_if_allowed(rig: Rig, command: str, actor: Actor) -> None:
    try:
        async_to_sync(send_command)(rig.name, command, actor=actor, rig=rig)
    except Refused as refusal:
        if refusal.code != "not_allowed":
            raise
