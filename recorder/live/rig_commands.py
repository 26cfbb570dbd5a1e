"""send_command: send a command to a rig, on whichever process its socket is, and wait for the reply."""

from __future__ import annotations

import uuid
from typing import Any

from channels.db import database_sync_to_async

from recorder.actor import Actor
from recorder.errors import Refused
from recorder.live.asking import Question, Rate, ask, refusal
from recorder.live.rigs import find_rig, find_rig_to_command
from recorder.models import Rig
from recorder.models.permissions import Action, require
from robotdata.rig.states import COMMANDS

PER_SECOND = 20
rate = Rate(PER_SECOND)


async def send_command(
    rig_name: str,
    name: str,
    args: dict[str, Any] | None = None,
    timeout: float = 5.0,
    command_id: str | None = None,
    *,
    actor: Actor,
    rig: Rig | None = None,
) -> dict[str, Any]:
    """Send a command and return the rig's reply `{"type": "reply", "id", "ok": True}`. `timeout` is in seconds.

    `rig` is the rig's row, if the caller has just read it. The same `command_id` sent twice has one effect.

    Raise Refused: `unknown_command` (404), `offline`, `too_many` (429), `no_answer` (504), `no_layer` (503), or the
    code and message of the rig's refusal.
    """
    if name not in COMMANDS:
        raise Refused("unknown_command", f"Unknown command {name!r}: use one of {', '.join(COMMANDS)}.", 404)
    rig = rig or await database_sync_to_async(find_rig_to_command)(name=rig_name)
    require(actor, Action.COMMAND_RIG, rig)
    if not rig.is_online or not rig.connection:
        raise Refused(
            "offline",
            f"{rig.name} is offline, so it cannot {name.replace('_', ' ')}: start the rig, then try again.",
        )
    if not rate.allows(rig.name):
        raise Refused("too_many", f"More than {PER_SECOND} commands a second for {rig.name}: wait a moment.", 429)
    reply = await _ask(rig, name, args or {}, timeout, command_id or str(uuid.uuid4()))
    if not reply.get("ok"):
        raise refusal(rig.name, name, reply.get("error") or {})
    return reply


async def _ask(rig: Rig, name: str, args: dict[str, Any], timeout: float, command_id: str) -> dict[str, Any]:
    """Return the rig's reply. A rig that reconnects gets the command again; its id makes that safe."""
    return await ask(
        Question(
            kind="rig.command",
            id=command_id,
            name=name,
            args=args,
            asked=rig.name,
            connection=rig.connection,
            find_connection=lambda: find_rig(name=rig.name).connection,
            timeout=timeout,
            late="The page shows its state once it reports again; retrying with the same id is safe.",
        )
    )
