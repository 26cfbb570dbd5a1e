"""Counts what an act costs in this process: database queries, fsyncs, messages of the channel layer and of sockets.

`counting()` counts in the tests' own process. `bench/counted/sitecustomize.py` counts in processes of the product.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

NAMES = ("queries", "fsyncs", "layer", "sent", "sent_bytes", "received", "received_bytes")
"""`queries`: SQL statements without those that only begin or end a transaction. `fsyncs`: fsync and fdatasync that our
code calls; SQLite's own are not among them. `layer`: messages to the channel layer. `sent`, `received`: messages of the
sockets of web pages and rigs, as the web process sees them."""

_TRANSACTION = ("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK", "COMMIT")
Add = Callable[[str, int], None]


class Counts(dict[str, int]):
    """Numbers by name, and the queries as SQL; threads may add at the same time."""

    def __init__(self) -> None:
        super().__init__(dict.fromkeys(NAMES, 0))
        self.sql: list[str] = []
        self._lock = threading.Lock()

    def add(self, name: str, number: int = 1) -> None:
        """Add to one of the numbers."""
        with self._lock:
            self[name] += number

    def add_sql(self, sql: str) -> None:
        """Keep a query's text."""
        with self._lock:
            self.sql.append(sql)


@contextmanager
def counting() -> Iterator[Counts]:
    """Count until the end of the block, in all threads of this process."""
    counts = Counts()
    with ExitStack() as stack:
        for patch in (*disk_patches(counts.add), *web_patches(counts.add, counts.add_sql)):
            stack.enter_context(patch)
        yield counts


def disk_patches(add: Add) -> list[Any]:
    """Return patches that count calls of `os.fsync` and `os.fdatasync`."""

    def counted(call: Callable[[Any], None]) -> Callable[[Any], None]:
        def sync(fd: Any) -> None:
            add("fsyncs", 1)
            call(fd)

        return sync

    names = [name for name in ("fsync", "fdatasync") if hasattr(os, name)]
    return [mock.patch.object(os, name, counted(getattr(os, name))) for name in names]


def web_patches(add: Add, add_sql: Callable[[str], None] = lambda _: None) -> list[Any]:
    """Return patches that count queries, and messages of the channel layer and of sockets."""
    from channels.generic.websocket import AsyncWebsocketConsumer
    from channels.layers import InMemoryChannelLayer
    from django.db.backends.utils import CursorWrapper

    run = CursorWrapper._execute_with_wrappers
    to_layer, send, receive = (
        InMemoryChannelLayer.send,
        AsyncWebsocketConsumer.send,
        AsyncWebsocketConsumer.websocket_receive,
    )

    def execute(self: Any, sql: Any, *rest: Any, **more: Any) -> Any:
        text = str(sql)
        if not text.lstrip().upper().startswith(_TRANSACTION):
            add("queries", 1)
            add_sql(text)
        return run(self, sql, *rest, **more)

    async def layer_send(self: Any, channel: str, message: dict[str, Any]) -> None:
        add("layer", 1)
        await to_layer(self, channel, message)

    async def socket_send(self: Any, text_data: Any = None, bytes_data: Any = None, close: Any = False) -> None:
        add("sent", 1)
        add("sent_bytes", _size(text_data, bytes_data))
        await send(self, text_data, bytes_data, close)

    async def socket_receive(self: Any, message: dict[str, Any]) -> None:
        add("received", 1)
        add("received_bytes", _size(message.get("text"), message.get("bytes")))
        await receive(self, message)

    return [
        mock.patch.object(CursorWrapper, "_execute_with_wrappers", execute),
        mock.patch.object(InMemoryChannelLayer, "send", layer_send),
        mock.patch.object(AsyncWebsocketConsumer, "send", socket_send),
        mock.patch.object(AsyncWebsocketConsumer, "websocket_receive", socket_receive),
    ]


def _size(text: str | None, data: bytes | None) -> int:
    return len(data) if data is not None else len((text or "").encode())
