"""MachineSocket: the socket of a rig or a station, which passes on what they are asked and what they answer."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from typing import Any

from django.conf import settings

from recorder.errors import Refused
from recorder.live.layer import LAYER_ERRORS, is_readable, layer_message
from robotdata.rig.protocol import MAX_TEXT_BYTES, encode
from robotdata.websocket import MALFORMED, Socket, short

log = logging.getLogger(__name__)

HELLO_WITHIN_S = 5.0
REFUSED, FENCED, TRY_AGAIN = 4403, 4409, 1013
QUESTIONS_WAITING = 100


class MachineSocket(Socket):
    """Needs the rigs' token. `name` is empty until hello is accepted; `heard_at` is the last sign of life."""

    max_text = MAX_TEXT_BYTES
    silent_s = 1.0
    name = ""

    async def connect(self) -> None:
        """Accept a program with the right token, and wait for its hello."""
        if not bearer_is_good(self.scope["headers"]):
            await self.close()  # before accept: the handshake is answered with 403
            return
        self.waiting: dict[str, list[str | asyncio.Future[dict[str, Any]]]] = {}
        self.heard_at = time.monotonic()
        self.tasks: set[asyncio.Task[None]] = set()
        await self.accept()
        self.keep(self._look_after())

    def keep(self, work: Any) -> None:
        """Run a coroutine as a task that ends with the connection."""
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def end_tasks(self) -> None:
        """End the tasks of the connection."""
        for task in list(getattr(self, "tasks", ())):
            task.cancel()

    async def say(self, message: dict[str, Any]) -> None:
        """Send one message as JSON."""
        await self.send(text_data=encode(message))

    async def refuse(self, refusal: Refused) -> None:
        """Say why hello is not accepted, and close the connection."""
        await self.say({"type": "refused", "code": refusal.code, "message": refusal.message})
        await self.close(REFUSED, reason=short(refusal.message))

    async def pass_on(self, kind: str, event: dict[str, Any]) -> None:
        """Send a question that came over the channel layer as a message of this kind; `answer` brings the reply."""
        if not is_readable(event):
            return
        if len(self.waiting) >= QUESTIONS_WAITING:
            self.waiting.pop(next(iter(self.waiting)))  # its sender has timed out long ago, or asks again
        self.waiting.setdefault(event["id"], []).append(event["reply_to"])
        message = {"type": kind, "id": event["id"], "name": event["name"], "args": event["args"], **self.age()}
        size = len(encode(message))
        if size <= MAX_TEXT_BYTES:
            await self.say(message)
            return
        # The other side would close the connection, and again each time that this is repeated.
        error = {"code": "too_large", "message": f"The request has {size} bytes, want at most {MAX_TEXT_BYTES}."}
        await self.answer({"type": "reply", "id": event["id"], "ok": False, "error": error})

    def age(self) -> dict[str, float]:
        """Return what tells the other side how old this message is once it comes, if that side's clock is known."""
        return {}

    async def answer(self, reply: dict[str, Any]) -> None:
        """Forward a reply to whoever asked, here or in other processes; one that nobody waits for is dropped."""
        for asker in self.waiting.pop(reply["id"], []):
            if not isinstance(asker, str):
                if not asker.done():
                    asker.set_result(reply)
                continue
            try:
                await self.channel_layer.send(asker, layer_message("command.reply", reply=reply))
            except LAYER_ERRORS as error:
                log.warning("An answer of %s is lost: %s", self.name, error)

    async def went_silent(self) -> None:
        """Nothing was heard for `silent_s` seconds; called once until something is heard again."""

    async def _look_after(self) -> None:
        await asyncio.sleep(HELLO_WITHIN_S)
        if not self.name:
            await self.close(MALFORMED, reason="no hello within 5 s")
            return
        while True:
            await asyncio.sleep(self.silent_s / 3)
            if self.heard_at < time.monotonic() - self.silent_s:
                await self.went_silent()
                self.heard_at = float("inf")


def bearer_is_good(headers: list[tuple[bytes, bytes]]) -> bool:
    """Return whether the headers carry the rigs' token."""
    given = dict(headers).get(b"authorization", b"")
    return secrets.compare_digest(given, b"Bearer " + settings.RIG_TOKEN.encode())
