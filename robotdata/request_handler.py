"""Answer each HTTP request in one visit to a thread, and keep the thread with its database connection for the next.

Django's own handler starts two threads for a request, opens a database connection in the first, and changes between
that thread and the event loop six times: more than half of what a small answer costs. All of our middleware and views
are synchronous, so one visit is enough.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import django
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.db import connections
from django.http import FileResponse, HttpResponseBase
from django.urls import set_script_prefix

MOST_IDLE = 8
"""Threads that wait for the next request, each with an open database connection; a burst uses more and ends them."""


class RequestThreads:
    """Executors with one thread each. Any number may be borrowed; `most_idle` are kept."""

    def __init__(self, most_idle: int = MOST_IDLE) -> None:
        self._idle: list[ThreadPoolExecutor] = []
        self._most_idle = most_idle
        self._lock = threading.Lock()

    @asynccontextmanager
    async def borrow(self) -> AsyncIterator[ThreadPoolExecutor]:
        """Lend an executor. After an exception it is ended, because it may still hold work that was not run."""
        with self._lock:
            executor = self._idle.pop() if self._idle else ThreadPoolExecutor(1, thread_name_prefix="request")
        try:
            yield executor
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            raise
        with self._lock:
            if len(self._idle) < self._most_idle:
                self._idle.append(executor)
                return
        executor.submit(connections.close_all)
        executor.shutdown(wait=False)


class RequestHandler(ASGIHandler):
    """Django's ASGI handler with a synchronous middleware chain, which runs in a kept thread."""

    def __init__(self, threads: RequestThreads | None = None) -> None:
        super(ASGIHandler, self).__init__()
        self.load_middleware(is_async=False)
        self._threads = threads or RequestThreads()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer one HTTP request: read its body, then make the response in a kept thread, and send it."""
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        async with self._threads.borrow() as executor, ThreadSensitiveContext(executor=executor):
            with contextlib.closing(body):
                response = await sync_to_async(self._respond)(scope, body)
            if response.streaming:
                await self._stream(response, receive, send)
                return
        await self.send_response(response, send)

    async def read_body(self, receive: Any) -> Any:
        """Return the request's body as a file. Raises RequestAborted if the client has gone."""
        first = await receive()
        if first["type"] == "http.request" and not first.get("more_body", False):
            return io.BytesIO(first.get("body", b""))
        messages = iter([first])

        async def replay() -> Any:
            return next(messages, None) or await receive()

        return await super().read_body(replay)

    def _respond(self, scope: dict[str, Any], body: Any) -> HttpResponseBase:
        """Return the finished response. One that streams is still open."""
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=self.__class__, scope=scope)
        request, error = self.create_request(scope, body)
        response: Any = error if request is None else self.get_response(request)
        response._handler_class = self.__class__
        if isinstance(response, FileResponse):
            response.block_size = self.chunk_size
        if not response.streaming:
            response.close()  # its content stays; this ends the request for the database
        answer: HttpResponseBase = response
        return answer

    async def _stream(self, response: HttpResponseBase, receive: Any, send: Any) -> None:
        """Send a response in pieces; stop when the client has gone."""
        sending = asyncio.ensure_future(self.send_response(response, send))
        listening = asyncio.ensure_future(receive())
        try:
            await asyncio.wait({sending, listening}, return_when=asyncio.FIRST_COMPLETED)
            sending.cancel()  # does nothing if it is done
            await asyncio.wait({sending})
            if not sending.cancelled():
                sending.result()
        finally:
            sending.cancel()
            listening.cancel()
            await sync_to_async(response.close)()


def request_handler() -> RequestHandler:
    """Set Django up and return the application for HTTP requests, as `get_asgi_application` does."""
    django.setup(set_prefix=False)
    return RequestHandler()
