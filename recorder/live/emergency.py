"""stop_rig: pass an emergency stop to a rig in the shortest way, without the database and without any queue.

The way is the rig's socket of this web process, or else the channel layer, in which every rig's socket is in a group of
its name. No limit of commands applies, and nobody who has signed in needs a permission for it.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from typing import Any

from channels.layers import get_channel_layer

from recorder.errors import Refused
from recorder.live.hub import hub
from recorder.live.layer import LAYER_ERRORS, is_readable, layer_message
from recorder.live.relay import is_scaled_out, watch_group
from robotdata.rig.states import EMERGENCY_STOP

log = logging.getLogger(__name__)

CONFIRMED_WITHIN_S = 2.0


async def stop_rig(name: str, *, by: str, command_id: str | None = None) -> dict[str, Any]:
    """Stop the rig; return its reply, which says that it sends no further action.

    Call it on the event loop of the web process. Raise Refused: `offline` (409), `no_answer` (504), `no_layer` (503).
    """
    command_id = command_id or str(uuid.uuid4())
    feed = hub.feeds.get(name)
    try:
        async with asyncio.timeout(CONFIRMED_WITHIN_S):
            if feed is not None and feed.on_stop is not None:
                answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
                feed.on_stop(command_id, answer)
                reply = await answer
            elif is_scaled_out():
                reply = await _ask_others(name, command_id)
            else:
                raise Refused("offline", f"{name} is not connected, so it cannot be stopped from here. {_SWITCH}")
    except TimeoutError:
        message = f"{name} has not confirmed the emergency stop within {CONFIRMED_WITHIN_S:g} s. {_SWITCH}"
        raise Refused("no_answer", message, 504) from None
    log.warning("Emergency stop of %s, by %s", name, by)
    return reply


_SWITCH = "Use the robot's own power switch."


async def _ask_others(name: str, command_id: str) -> dict[str, Any]:
    """Ask the web process that has the rig's socket; return the rig's reply."""
    layer = get_channel_layer()
    try:
        channel = await layer.new_channel()
        command = layer_message("rig.command", id=command_id, name=EMERGENCY_STOP, args={}, reply_to=channel)
        await layer.group_send(watch_group(name), command)
        answer = await layer.receive(channel)
    except LAYER_ERRORS as error:
        raise Refused("no_layer", f"The channel layer (CHANNEL_URL) is unreachable: {error}. {_SWITCH}", 503) from error
    if not is_readable(answer):
        raise Refused("no_answer", f"The web process of {name} is of a newer release. {_SWITCH}", 504)
    return dict(answer["reply"])
