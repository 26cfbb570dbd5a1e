"""The sockets of pages that drive a rig or are its camera. They forward messages and contain no rules."""

from __future__ import annotations

import contextlib
import logging
import time
from typing import Any, ClassVar

from recorder.actor import Actor, ActorKind, browser_of_session
from recorder.errors import Refused
from recorder.live.camera_pairing import PAIRED, camera_key, claims_camera, is_paired
from recorder.live.inputs import LOST
from recorder.live.layer import is_readable, layer_message
from recorder.live.rig_messages import read_json
from recorder.live.rig_writer import in_database
from recorder.live.rigs import find_rig
from recorder.models.permissions import Action, require
from robotdata.rig.browser_inputs import MAX_FRAME_BYTES, MAX_INPUT_BYTES, MAX_PER_SECOND, unpack_picture
from robotdata.rig.protocol import ProtocolError
from robotdata.rig.watchers import DEVICE
from robotdata.sessions import SessionStore
from robotdata.websocket import FORBIDDEN, BadMessage, BrowserSocket, check_message, short

log = logging.getLogger(__name__)

LOOK_AGAIN_S = 0.5


class DeviceSocket(BrowserSocket):
    """A page that sends messages to one device of a rig; `wire` is the type of its messages and of the answers."""

    per_second = MAX_PER_SECOND
    wire = ""
    device = ""
    rig_name = connection = ""
    looked_at = heard_at = float("-inf")
    sender: dict[str, str] | None = None
    last_words: ClassVar[dict[str, Any]] = {}
    has_sent = False

    async def join(self, name: str, actor: Actor | None) -> None:
        """Find the rig. Close the socket if it is unknown or `actor` may not command it; None needs no permission."""
        self.rig_name = self.scope["url_route"]["kwargs"]["name"]
        try:
            rig = await in_database(find_rig, name=self.rig_name)
            if actor is not None:
                require(actor, Action.COMMAND_RIG, rig)
        except Refused as refusal:
            await self.close(FORBIDDEN, reason=short(refusal.message))
            return
        self.connection, self.looked_at = rig.connection, time.monotonic()
        self.sender = {"id": self.channel_name, "name": name}

    async def pass_on(self, body: dict[str, Any], jpeg: bytes | None = None) -> None:
        """Send a message to the process that has the rig's socket, or say that the rig is offline."""
        await self.find_connection()
        if not self.connection:
            await self.say({"type": self.wire, "state": "offline", "seq": body.get("seq")})
            return
        self.has_sent = True
        await self.hand_over(body, jpeg)

    async def find_connection(self) -> None:
        """Look up the rig's socket again while it has none or does not answer: it may have reconnected."""
        now = time.monotonic()
        if now - max(self.heard_at, self.looked_at) > LOOK_AGAIN_S:
            self.looked_at = now
            with contextlib.suppress(Refused):
                self.connection = (await in_database(find_rig, name=self.rig_name)).connection

    async def hand_over(self, body: dict[str, Any], jpeg: bytes | None = None) -> None:
        """Send a message over the channel layer; one that cannot be sent is lost, the next is not."""
        if self.sender is None:
            return
        event = layer_message("rig.input", sender=self.sender, device=self.device, body=body)
        try:
            await self.channel_layer.send(self.connection, event if jpeg is None else {**event, "jpeg": jpeg})
        except LOST as error:
            log.debug("A message for %s is lost: %s", self.rig_name, error)

    async def input_heard(self, event: dict[str, Any]) -> None:
        """Tell the page what the rig answered. Called over the channel layer."""
        if is_readable(event):
            self.heard_at = time.monotonic()
            await self.say({**event["body"], "type": self.wire})

    async def disconnect(self, code: int) -> None:
        """Say for a page that has gone that nothing more comes from it, so that another may follow at once."""
        if self.has_sent and self.connection:
            await self.hand_over(dict(self.last_words))

    def checked(self, message: dict[str, Any]) -> dict[str, Any]:
        """Return what is for the device. Raise BadMessage for another type or version."""
        check_message(message)
        if message.get("type") != self.wire:
            raise BadMessage(f'want a message of the type "{self.wire}"')
        return {key: value for key, value in message.items() if key not in ("type", "v")}


class InputConsumer(DeviceSocket):
    """`/ws/input/<rig>/`: a page that drives a rig. Its messages are those of `robotdata.capture.drive`."""

    max_text = MAX_INPUT_BYTES
    wire = "drive"
    device = "teleoperator"
    last_words: ClassVar[dict[str, Any]] = {"seq": 0, "hold": False}

    async def opened(self) -> None:
        """Find the rig that this person wants to drive."""
        actor = actor_of(self.scope)
        await self.join(str(actor), actor)

    async def on_text(self, text: str) -> None:
        """Pass a message on. Raise BadMessage if it is none for driving."""
        await self.pass_on(self.checked(read_json(text)))


class WatchConsumer(DeviceSocket):
    """`/ws/watch/<rig>/`: a page that shows a replay. Its messages are those of `robotdata.rig.watchers`."""

    max_text = MAX_INPUT_BYTES
    wire = "watching"
    device = DEVICE
    last_words: ClassVar[dict[str, Any]] = {"seq": 0}

    async def opened(self) -> None:
        """Find the rig that this person watches."""
        actor = actor_of(self.scope)
        await self.join(str(actor), actor)

    async def on_text(self, text: str) -> None:
        """Pass a message on. Raise BadMessage if it is none for watching."""
        await self.pass_on(self.checked(read_json(text)))


class CameraConsumer(DeviceSocket):
    """`/ws/camera/<rig>/<camera>/`: a page that is the rig's camera, signed in or paired with it by a link."""

    max_text = MAX_INPUT_BYTES
    max_bytes = MAX_FRAME_BYTES
    wire = "frame"
    last_words: ClassVar[dict[str, Any]] = {"seq": 0, "bye": True}

    def may_open(self) -> bool:
        """Return whether the person is signed in, or this browser was paired with this camera; `opened` asks again."""
        names = self.scope["url_route"]["kwargs"]
        return super().may_open() or claims_camera(self.scope["session"], names["name"], names["camera"])

    def may_stay(self) -> bool:
        """Return whether the person is signed in or this browser is paired, by the database as it is now."""
        names, key = self.scope["url_route"]["kwargs"], self.scope["session"].session_key
        return super().may_stay() or (bool(key) and is_paired(SessionStore(key), names["name"], names["camera"]))

    async def opened(self) -> None:
        """Find the rig. Close the socket of a browser whose pairing has ended."""
        if not await in_database(self.may_stay):
            await self.close(FORBIDDEN, reason="no longer paired")
            return
        self.device = camera_key(self.scope["url_route"]["kwargs"]["camera"])
        actor = actor_of(self.scope) if super().may_open() else None
        await self.join(PAIRED if actor is None else str(actor), actor)

    async def on_text(self, text: str) -> None:
        """Pass a message without a picture on: the first one, which asks for the rig's clock."""
        await self.pass_on(self.checked(read_json(text)))

    async def on_bytes(self, data: bytes) -> None:
        """Pass a picture on. Raise BadMessage if it is none."""
        try:
            message, jpeg = unpack_picture(data)
        except ProtocolError as error:
            raise BadMessage(str(error)) from error
        await self.pass_on(self.checked(message), jpeg)


def actor_of(scope: dict[str, Any]) -> Actor:
    """Return the person of a socket that is signed in."""
    user, key = scope["user"], scope["session"].session_key
    return Actor(user.get_username(), ActorKind.PERSON, browser_of_session(key), user.pk)
