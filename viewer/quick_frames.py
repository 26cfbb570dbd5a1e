"""Answer requests for frames before Django: its middleware takes several times as long as reading a frame of a take.

Only the plain case is answered here: GET of a frame that exists, by somebody with a session. Everything else, and each
first request by a host name, goes to Django, whose answer also says which headers every answer carries. Session, user
and episode are looked up again whenever anything in the database has changed, so signing out counts at once.

A frame that is in memory already is answered on the event loop (see `frames_at_once`), any other by one of the threads.
"""

from __future__ import annotations

import asyncio
import functools
import re
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl

from cachetools import LRUCache
from django.conf import settings
from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from robotdata.remembered_rows import RememberedRows
from robotdata.sessions import signed_in_until
from viewer.errors import ViewerError
from viewer.frames import parse_height
from viewer.frames_at_once import FramesAtOnce, Looked
from viewer.locate import Place, find_place
from viewer.media_views import FrameWanted, Known, MediaBody, frame_body

_THREADS, _MOST_WAITING = 4, 64
_ADDRESS = re.compile(r"/media/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/frame/([^/]+)/([0-9]{1,9})\.jpg")
_OWN = {b"etag", b"cache-control", b"content-type", b"content-length"}
"""Headers that differ between frames."""

_ROWS = RememberedRows()

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for a frame: the episode, the session's key, and which frame."""

    episode: uuid.UUID
    session: str
    wanted: FrameWanted


def parse_request(scope: dict[str, Any]) -> Asked | None:
    """Return what an HTTP request asks for; None if it is not a plain request for a frame."""
    match = _ADDRESS.fullmatch(scope["path"])
    if match is None or scope["method"] != "GET" or scope.get("root_path"):
        return None
    headers = dict(scope["headers"])
    query: dict[str, str] = {}
    if scope["query_string"]:
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    if b"authorization" in headers or query.keys() - {"v", "height"}:
        return None
    session = _session_in(headers.get(b"cookie", b""))
    try:
        height = parse_height(query.get("height"))
    except ViewerError:
        return None
    if session is None:
        return None
    known = Known(query.get("v", ""), headers.get(b"if-none-match", b"").decode("latin-1"))
    wanted = FrameWanted(match[2], int(match[3]), height, known)
    return Asked(uuid.UUID(match[1]), session, wanted)


@functools.lru_cache(256)
def _session_in(cookies: bytes) -> str | None:
    """Return the session's key in a Cookie header; None if it has none or cannot be read."""
    try:
        session = SimpleCookie(cookies.decode("latin-1")).get(settings.SESSION_COOKIE_NAME)
    except CookieError:
        return None
    return None if session is None else session.value


@dataclass(frozen=True, slots=True)
class Answer:
    """A frame that a thread has read, and until when whoever asked for it is signed in."""

    body: MediaBody
    until: datetime


def read_answer(asked: Asked) -> Answer | None:
    """Return the frame; None if somebody else must answer: signed out, no such frame, damage. Blocks."""
    close_old_connections()
    try:
        until, place = _ROWS.get((asked.session, asked.episode), lambda: _look_up(asked))  # asks the database once
        if until is None or until <= timezone.now():
            return None
        return Answer(frame_body(place, asked.wanted), until)
    except (ViewerError, DatabaseError, ValueError):
        return None


def _look_up(asked: Asked) -> tuple[datetime | None, Place]:
    """Return until when somebody is signed in, and where the episode is. Raises NotFound."""
    until = _ROWS.get(asked.session, lambda: signed_in_until(asked.session))
    return until, _ROWS.get(asked.episode, lambda: find_place(asked.episode))


class QuickFrames:
    """An ASGI application in front of `pages`, the whole of Django."""

    def __init__(self, pages: Any) -> None:
        self._pages = pages
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="quick-frame")
        self._waiting = 0
        self._at_once = FramesAtOnce()
        self._shared: LRUCache[tuple[str, bytes], Headers] = LRUCache(64)
        """By scheme and host, the headers that Django adds to every frame; it also checks that the host is allowed."""

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer one HTTP request."""
        asked = parse_request(scope)
        if asked is None:
            await self._pages(scope, receive, send)
            return
        place = scope["scheme"], dict(scope["headers"]).get(b"host", b"")
        shared = self._shared.get(place)
        body = await self._body(asked) if shared is not None else None
        if shared is None or body is None:
            await self._pages(scope, receive, self._learning(place, send))
        else:
            await _send(body, shared, send)

    async def _body(self, asked: Asked) -> MediaBody | None:
        """Return the frame; None if Django must answer."""
        key, state = (asked.session, asked.episode), self._at_once.state()
        if state is not None and (body := self._at_once.answer(key, asked.wanted)) is not None:
            return body
        began = time.monotonic()
        answer = await self._read(asked)
        if answer is None:
            return None
        self._at_once.note(key, Looked(answer.until, answer.body.version, began), state)
        return answer.body

    async def _read(self, asked: Asked) -> Answer | None:
        """Return the frame from one of the threads; None if too many wait for one: Django says so after a while."""
        if self._waiting >= _MOST_WAITING:
            return None
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, read_answer, asked)
        finally:
            self._waiting -= 1

    def _learning(self, place: tuple[str, bytes], send: Any) -> Any:
        """Return a `send` that notes the shared headers of a frame that Django serves."""

        async def learn(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                shared = [(name, value) for name, value in message["headers"] if name.lower() not in _OWN]
                if not any(name.lower() == b"set-cookie" for name, _ in shared):
                    self._shared[place] = shared
            await send(message)

        return learn


async def _send(body: MediaBody, shared: Headers, send: Any) -> None:
    headers = [(name.encode(), value.encode()) for name, value in body.headers.items()] + shared
    data = body.data
    if data is not None:
        headers += [(b"Content-Type", b"image/jpeg"), (b"Content-Length", str(len(data)).encode())]
    await send({"type": "http.response.start", "status": 304 if data is None else 200, "headers": headers})
    await send({"type": "http.response.body", "body": data or b""})
