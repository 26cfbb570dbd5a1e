"""A server of the tests' own at 127.0.0.1, in a thread: the wire that the fakes of a Hub and of a storage share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass
class Trouble:
    """What happens to a request: a status (with a message and headers), or a connection that is cut.

    `when`: "before" the request has an effect, or "after" it, so that only the answer is lost.
    """

    status: int = 0
    message: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    when: str = "before"


class FakeServer:
    """`seen` are the requests; `trouble` says of each (method, path, how many there were) what goes wrong with it."""

    def __init__(self, handler: type[Handler]) -> None:
        self.seen: list[str] = []
        self.trouble: Callable[[str, str, int], Trouble | None] = lambda method, path, count: None
        self.lock = threading.RLock()
        own = type("OwnHandler", (handler,), {"fake": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), own)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    @contextmanager
    def running(self) -> Iterator[Self]:
        thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.server.shutdown()
            self.server.server_close()


class Handler(BaseHTTPRequestHandler):
    """Speaks HTTP/1.1 and keeps quiet; `fake` is its server."""

    fake: Any
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        return

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (ConnectionError, ValueError):  # the client was killed, or left
            self.close_connection = True
