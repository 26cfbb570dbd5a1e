"""Messages from browsers to the devices of a rig, and the answers: the newest of each, over the channel layer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from channels.exceptions import ChannelFull

from recorder.actor import Actor, ActorKind, browser_of_session
from recorder.errors import Refused
from recorder.live.layer import LAYER_ERRORS, is_readable, layer_message
from recorder.live.rig_messages import Heard, read_json
from recorder.live.rig_writer import in_database
from recorder.live.rigs import find_rig
from recorder.models.permissions import Action, require
from robotdata.rig.browser_inputs import MAX_INPUT_BYTES, MAX_PER_SECOND
from robotdata.websocket import BadMessage, BrowserSocket, check_message, short

log = logging.getLogger(__name__)

TELEOPERATOR = "teleoperator"
FORBIDDEN = 4403
LOOK_AGAIN_S = 0.5
LOST: tuple[type[Exception], ...] = (*LAYER_ERRORS, ChannelFull)
_SENDERS = 64


class InputRelay:
    """Passes messages to the rig of one socket: the newest of each browser and device; nothing queues."""

    def __init__(self, layer: Any, say: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
        self._layer = layer
        self._say = say
        self._newest: dict[tuple[str, str], dict[str, Any]] = {}
        self._known: dict[str, None] = {}
        self._ready = asyncio.Event()

    def take(self, sender: dict[str, str], device: str, body: dict[str, Any]) -> None:
        """Keep a message for the rig instead of an earlier one that was not sent yet."""
        self._known.pop(sender["id"], None)
        self._known[sender["id"]] = None
        if len(self._known) > _SENDERS:
            oldest = next(iter(self._known))
            del self._known[oldest]
            self._newest = {key: message for key, message in self._newest.items() if key[0] != oldest}
        self._newest[sender["id"], device] = {"type": "input", "device": device, "from": sender, "body": body}
        self._ready.set()

    async def run(self) -> None:
        """Send the messages as they come, until cancelled."""
        while True:
            await self._ready.wait()
            self._ready.clear()
            while self._newest:
                await self._say(self._newest.pop(next(iter(self._newest))))

    async def answer(self, heard: Heard) -> None:
        """Pass the rig's answer to the browser that asked; one that nobody here asked for is dropped."""
        if heard.to in self._known:
            with contextlib.suppress(*LOST):  # the browser sends its next message, and gets the answer to that
                await self._layer.send(heard.to, layer_message("input.heard", device=heard.device, body=heard.body))


class InputConsumer(BrowserSocket):
    """`/ws/input/<rig>/`: a page that drives a rig. Its messages are those of `robotdata.capture.drive`."""

    max_text = MAX_INPUT_BYTES
    per_second = MAX_PER_SECOND
    connection = ""
    looked_at = heard_at = float("-inf")
    sender: dict[str, str] | None = None
    has_sent = False

    async def opened(self) -> None:
        """Find the rig. Close the socket if it is unknown or this person may not command it."""
        self.rig_name = self.scope["url_route"]["kwargs"]["name"]
        user = self.scope["user"]
        browser = browser_of_session(self.scope["session"].session_key)
        actor = Actor(user.get_username(), ActorKind.PERSON, browser, user.pk)
        try:
            rig = await in_database(find_rig, name=self.rig_name)
            require(actor, Action.COMMAND_RIG, rig)
        except Refused as refusal:
            await self.close(FORBIDDEN, reason=short(refusal.message))
            return
        self.connection, self.looked_at = rig.connection, time.monotonic()
        self.sender = {"id": self.channel_name, "name": str(actor)}

    async def on_text(self, text: str) -> None:
        """Pass a `drive` message to the rig. Raise BadMessage for anything else."""
        message = read_json(text)
        check_message(message)
        if message.pop("type", None) != "drive":
            raise BadMessage(
                'want {"type": "drive", "seq": 1, "hold": false, "echo": null, "targets": {}, "rates": {}}'
            )
        message.pop("v", None)
        await self.find_connection()
        if not self.connection:
            await self.say({"type": "drive", "state": "offline", "seq": message.get("seq")})
        else:
            await self.pass_on(message)

    async def find_connection(self) -> None:
        """Look up the rig's socket again while it has none or does not answer: it may have reconnected."""
        now = time.monotonic()
        if now - max(self.heard_at, self.looked_at) > LOOK_AGAIN_S:
            self.looked_at = now
            with contextlib.suppress(Refused):
                self.connection = (await in_database(find_rig, name=self.rig_name)).connection

    async def pass_on(self, body: dict[str, Any]) -> None:
        """Send a message to the process that has the rig's socket; one that cannot be sent is lost, the next is not."""
        if self.sender is None:
            return
        self.has_sent = True
        event = layer_message("rig.input", sender=self.sender, device=TELEOPERATOR, body=body)
        try:
            await self.channel_layer.send(self.connection, event)
        except LOST as error:
            log.debug("A message for %s is lost: %s", self.rig_name, error)

    async def input_heard(self, event: dict[str, Any]) -> None:
        """Tell the page what the rig answered. Called over the channel layer."""
        if is_readable(event):
            self.heard_at = time.monotonic()
            await self.say({**event["body"], "type": "drive"})

    async def disconnect(self, code: int) -> None:
        """Let go for a browser that has gone, so that the robot stops at once and another may drive."""
        if self.has_sent and self.connection:
            await self.pass_on({"seq": 0, "hold": False})
