"""send_command: send a command to a rig, on whichever process its socket is, and wait for the reply."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import OrderedDict, deque
from typing import Any

from channels.db import database_sync_to_async
from channels.layers import get_channel_layer

from recorder.actor import Actor
from recorder.errors import Refused
from recorder.live.layer import LAYER_ERRORS, is_readable, layer_message
from recorder.live.rigs import find_rig
from recorder.models import Rig
from recorder.models.permissions import Action, require
from robotdata.rig.states import COMMANDS

PER_SECOND = 20
LOOK_AGAIN_S = 0.3
_RIGS_REMEMBERED = 256


class Rate:
    """A limit of calls per second and rig, counted in this process."""

    def __init__(self, per_second: int) -> None:
        self.per_second = per_second
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def allows(self, name: str) -> bool:
        """Count a call for the rig `name`; return False, without counting it, if the limit is reached."""
        times = self._times.setdefault(name, deque(maxlen=self.per_second))
        self._times.move_to_end(name)
        if len(self._times) > _RIGS_REMEMBERED:
            self._times.popitem(last=False)
        now = time.monotonic()
        if len(times) == self.per_second and now - times[0] < 1.0:
            return False
        times.append(now)
        return True


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
    rig = rig or await database_sync_to_async(find_rig)(name=rig_name)
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
        raise _refusal(rig, name, reply.get("error") or {})
    return reply


async def _ask(rig: Rig, name: str, args: dict[str, Any], timeout: float, command_id: str) -> dict[str, Any]:
    layer = get_channel_layer()
    command = layer_message("rig.command", id=command_id, name=name, args=args)
    try:
        channel = await layer.new_channel()
        try:
            async with asyncio.timeout(timeout):
                answer = await _answer(layer, channel, rig, {**command, "reply_to": channel})
        finally:
            await _forget(layer, channel)
    except TimeoutError:
        raise Refused(
            "no_answer",
            f"{rig.name} did not answer within {timeout:g} s. The page shows its state once it reports again; "
            "retrying with the same id is safe.",
            504,
        ) from None
    except LAYER_ERRORS as error:
        raise Refused("no_layer", f"The channel layer (CHANNEL_URL) is unreachable: {error}.", 503) from error
    if not is_readable(answer):
        raise Refused(
            "no_answer",
            f"{rig.name} answered through a web process of a newer release, which this one cannot read. "
            "Restart all web processes with the same release.",
            504,
        )
    return dict(answer["reply"])


async def _answer(layer: Any, channel: str, rig: Rig, command: dict[str, Any]) -> dict[str, Any]:
    """Return the rig's reply on `channel`. A rig that reconnects gets the command again; its id makes that safe."""
    asked = rig.connection
    await layer.send(asked, command)
    waiting = asyncio.ensure_future(layer.receive(channel))
    try:
        while not (await asyncio.wait({waiting}, timeout=LOOK_AGAIN_S))[0]:
            connection = (await database_sync_to_async(find_rig)(name=rig.name)).connection
            if connection and connection != asked:
                asked = connection
                await layer.send(asked, command)
        return dict(waiting.result())
    finally:
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def _forget(layer: Any, channel: str) -> None:
    # A layer ends its subscription only when a waiting receive is cancelled.
    waiting = asyncio.ensure_future(layer.receive(channel))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


def _refusal(rig: Rig, name: str, error: dict[str, Any]) -> Refused:
    code = str(error.get("code") or "refused")[:40]
    message = str(error.get("message") or f"{rig.name} refused to {name} and gave no reason.")[:2000]
    detail = {key: value for key, value in error.items() if key not in {"code", "message"}}
    return Refused(code, message, detail=detail)
