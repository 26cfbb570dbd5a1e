"""Messages and pictures from browsers to the devices of a rig, and the answers: the newest of each."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from channels.exceptions import ChannelFull

from recorder.live.layer import LAYER_ERRORS, layer_message
from recorder.live.rig_messages import Heard
from robotdata.rig.browser_inputs import pack_picture

log = logging.getLogger(__name__)

LOST: tuple[type[Exception], ...] = (*LAYER_ERRORS, ChannelFull)
_SENDERS = 64


class InputRelay:
    """Passes messages to the rig of one socket: the newest of each browser and device; nothing queues."""

    def __init__(self, layer: Any, say: Callable[[dict[str, Any]], Awaitable[None]], send: Any) -> None:
        self._layer = layer
        self._say, self._send = say, send
        self._newest: dict[tuple[str, str], tuple[dict[str, Any], bytes | None]] = {}
        self._known: dict[str, None] = {}
        self._ready = asyncio.Event()

    def take(self, sender: dict[str, str], device: str, body: dict[str, Any], jpeg: bytes | None = None) -> None:
        """Keep a message for the rig instead of an earlier one that was not sent yet."""
        self._known.pop(sender["id"], None)
        self._known[sender["id"]] = None
        if len(self._known) > _SENDERS:
            oldest = next(iter(self._known))
            del self._known[oldest]
            self._newest = {key: message for key, message in self._newest.items() if key[0] != oldest}
        message = {"type": "input", "device": device, "from": sender, "body": body}
        self._newest[sender["id"], device] = message, jpeg
        self._ready.set()

    async def run(self) -> None:
        """Send the messages as they come, until cancelled."""
        while True:
            await self._ready.wait()
            self._ready.clear()
            while self._newest:
                message, jpeg = self._newest.pop(next(iter(self._newest)))
                try:
                    await (self._say(message) if jpeg is None else self._send(bytes_data=pack_picture(message, jpeg)))
                except Exception:  # one message of one browser, and all others' come by here
                    log.exception("A message of %s is dropped", message["from"]["name"])

    async def answer(self, heard: Heard) -> None:
        """Pass the rig's answer to the browser that asked; one that nobody here asked for is dropped."""
        if heard.to in self._known:
            with contextlib.suppress(*LOST):  # the browser sends its next message, and gets the answer to that
                await self._layer.send(heard.to, layer_message("input.heard", device=heard.device, body=heard.body))
