"""Socket: a websocket that is polite to the event loop and strict with what it is sent. Below all apps."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, ClassVar

from channels.consumer import get_handler_name
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import InterfaceError, OperationalError

from robotdata.files.versions import check_version
from robotdata.sessions import is_signed_in
from robotdata.thread_limit import is_thread_limit

VERSION = 1
"""Of the messages between our pages and us; static/js/lib/socket.js names it too."""
MALFORMED, TOO_BIG, FORBIDDEN = 1008, 1009, 4403
CHECK_AGAIN_S = 10.0
"""How often a socket asks whether its page may still be there: people sign out or are blocked, and pairings end."""
MAX_TEXT = 262_144
PENALTY_S = 1.0
GONE = (OSError, RuntimeError)  # RuntimeError: the server itself closed a socket that did not answer its pings


class BadMessage(Exception):
    """A message that does not follow what its socket takes; the text says what and where."""


class Socket(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Messages arrive at `on_text` and `on_bytes`; BadMessage from there closes the socket with 1008."""

    max_text = MAX_TEXT
    max_bytes = 0  # nothing binary is wanted
    closed = False

    async def dispatch(self, message: dict[str, Any]) -> None:
        # Channels' own dispatch visits a database thread for each message: at 90 frames a second, a frame must not
        # wait behind a busy database.
        await getattr(self, get_handler_name(message))(message)

    async def send(self, text_data: str | None = None, bytes_data: bytes | None = None, close: Any = False) -> None:
        """Nothing, where the other side has gone or we have closed: disconnect() comes next."""
        if not self.closed:
            with contextlib.suppress(*GONE):
                await super().send(text_data, bytes_data, close)

    async def close(self, code: int | None = None, reason: str | None = None) -> None:
        if not self.closed:
            self.closed = True
            with contextlib.suppress(*GONE):
                await super().close(code, reason)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.closed:
            return
        try:
            if text_data is not None:
                if len(text_data) > self.max_text:
                    await self.close(TOO_BIG, reason="message too big")
                else:
                    await self.on_text(text_data)
            elif bytes_data is not None:
                if not self.max_bytes:
                    raise BadMessage("this socket takes text")
                if len(bytes_data) > self.max_bytes:
                    await self.close(TOO_BIG, reason="message too big")
                else:
                    await self.on_bytes(bytes_data)
        except BadMessage as error:
            await self.close(MALFORMED, reason=short(str(error)))

    async def on_text(self, text: str) -> None:
        raise BadMessage("this socket only speaks")

    async def on_bytes(self, data: bytes) -> None:
        raise BadMessage("this socket takes text")

    async def say(self, message: dict[str, Any]) -> None:
        await self.send(text_data=wire_text(message))


class NowhereSocket(Socket):
    """Fallback route: rejects unknown WebSocket paths (URLRouter would raise)."""

    async def connect(self) -> None:
        await self.close()


class BrowserSocket(Socket):
    """For people who have signed in. Who sends more than so many messages a second is cut off, and comes back late."""

    per_second = 50
    _flooded: ClassVar[dict[int | str, float]] = {}
    """When each was cut off last, by the key of the person, or of the session of a browser that is not signed in."""
    _checking: asyncio.Task[None] | None = None

    def may_open(self) -> bool:
        """Return whether this person may open the socket: whoever has signed in."""
        user = self.scope.get("user")
        return user is not None and bool(user.is_authenticated)

    def may_stay(self) -> bool:
        """Return whether the person is still signed in, by the database as it is now."""
        key = self.scope["session"].session_key
        return bool(key) and is_signed_in(key)

    async def connect(self) -> None:
        if not self.may_open():
            await self.close()
            return
        self.person = self.scope["user"].pk or self.scope["session"].session_key
        self._times: deque[float] = deque(maxlen=self.per_second)
        # Coming again at once, again and again, would cost more than the flood itself.
        if (wait := self._flooded.get(self.person, -PENALTY_S) + PENALTY_S - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        await self.accept()
        self._checking = asyncio.create_task(self._check_again())
        await self.opened()

    async def _check_again(self) -> None:
        """Close the socket once its page may not be there any more."""
        while not self.closed:
            await asyncio.sleep(CHECK_AGAIN_S)
            try:
                stays = await database_sync_to_async(self.may_stay, thread_sensitive=False)()
            except (OperationalError, InterfaceError):
                continue  # an unreachable database says nothing about the person
            except RuntimeError as error:
                if is_thread_limit(error):
                    continue
                raise
            if not stays:
                await self.close(FORBIDDEN, reason="signed out, blocked, or no longer paired")

    async def websocket_disconnect(self, message: dict[str, Any]) -> None:
        if self._checking is not None:
            self._checking.cancel()
        await super().websocket_disconnect(message)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        now = time.monotonic()
        if text_data is not None and self.is_urgent(text_data):
            await super().receive(text_data)
            return
        if len(self._times) == self.per_second and now - self._times[0] < 1.0:
            self._flooded[self.person] = now
            await self.close(MALFORMED, reason=f"more than {self.per_second} messages a second")
            return
        self._times.append(now)
        await super().receive(text_data, bytes_data)

    def is_urgent(self, text: str) -> bool:
        """Whether the limit does not apply to this message."""
        return False

    async def opened(self) -> None:
        """The person is known and the socket accepted."""


def wire_text(message: Mapping[str, Any]) -> str:
    """Return a message to a page as text, with the version."""
    return json.dumps({**message, "v": VERSION})


def check_message(message: Mapping[str, Any]) -> None:
    """Raise BadMessage for a message of a page that is newer than this program."""
    try:
        check_version(message.get("v"), VERSION, "the message of the page")
    except ValueError as error:
        raise BadMessage(str(error)) from None


def short(text: str) -> str:
    """What fits into a close frame."""
    return text.encode()[:120].decode(errors="ignore")
