"""Who may hold a connection to the web, how many, and for how long without asking for something.

uvicorn waits without limit for the end of a request, and accepts until the system has no file left to give: a thousand
half-sent requests would keep everybody out. Use with `uvicorn --http robotdata.connections:BoundedHttp`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import socket
import stat
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from robotdata.listening import QUEUE

HEAD_S = 10.0
"""From the first byte of a connection, or of its next request, to the end of the request's head."""
BODY_S = 60.0
"""From there to the end of its body."""
MOST_BODY = 8 << 20
"""Django refuses beyond 2.5 MB, in words, but only once it has written all that comes to a temporary file."""
PER_ADDRESS = int(given) if (given := os.environ.get("ROBOTDATA_CONNECTIONS", "")).isdigit() else 256
"""A browser holds six, and three sockets for each page that is open."""
_KEPT_FILES = 224
"""Of the files that the process may open: for takes, datasets and the database."""
_LEAST = 64
_TIMEOUT = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_TOO_LARGE = b"HTTP/1.1 413 Content Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class Doorkeeper:
    """Counts connections by address. Where there are too many the one that has waited longest without a request goes.

    `most` bounds all of them, `per_address` those of one address; `proxies`, addresses or networks, stand for many
    people and have no bound of their own.
    """

    def __init__(self, most: int, per_address: int, proxies: frozenset[str] = frozenset()) -> None:
        self.most = most
        self.per_address = per_address
        self.proxies = [ip_network(proxy.strip(), strict=False) for proxy in proxies]
        self._all: dict[BoundedHttp, str] = {}
        self._counts: dict[str, int] = {}
        self._waiting: OrderedDict[BoundedHttp, str] = OrderedDict()

    def __len__(self) -> int:
        return len(self._all)

    def admit(self, guest: BoundedHttp, address: str) -> bool:
        """Count a new connection, which waits until it has asked; False where there is no room for it."""
        if self._counts.get(address, 0) >= self.per_address and not self._is_proxy(address):
            if not self._show_out(lambda other: other == address):
                return False
        elif len(self._all) >= self.most and not self._show_out(lambda other: True):
            return False
        self._all[guest] = address
        self._counts[address] = self._counts.get(address, 0) + 1
        self._waiting[guest] = address
        return True

    def _is_proxy(self, address: str) -> bool:
        try:
            found = ip_address(address)
        except ValueError:  # a socket of this machine
            return False
        return any(found in network for network in self.proxies)

    def busy(self, guest: BoundedHttp) -> None:
        """It has asked for something: it is not shown out before it has its answer."""
        self._waiting.pop(guest, None)

    def waits(self, guest: BoundedHttp) -> None:
        """It has its answer and may ask again."""
        if guest in self._all:
            self._waiting[guest] = self._all[guest]

    def leave(self, guest: BoundedHttp) -> None:
        """The connection is closed; more than once is fine."""
        self._waiting.pop(guest, None)
        address = self._all.pop(guest, None)
        if address is None:
            return
        self._counts[address] -= 1
        if not self._counts[address]:
            del self._counts[address]

    def _show_out(self, fits: Callable[[str], bool]) -> bool:
        oldest = next((guest for guest, address in self._waiting.items() if fits(address)), None)
        if oldest is None:
            return False
        self.leave(oldest)
        oldest.transport.abort()
        return True


def room() -> int:
    """How many connections this process may hold: the files that the system lets it open, less those kept for work."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return max(_LEAST, (1 << 16 if files == resource.RLIM_INFINITY else files) - _KEPT_FILES)


KEEPER = Doorkeeper(room(), PER_ADDRESS, frozenset(filter(None, os.environ.get("ROBOTDATA_PROXIES", "").split(","))))


def widen_queue() -> None:
    """Let the system queue up to QUEUE connections at every socket on which this process listens.

    uvicorn's `--backlog` says both how many may queue and how many are let in before anything else is answered. With
    a short queue the system drops what comes beside a flood, and a browser tries again after a second; with a long
    one a flood is let in at one go. So the one stays short, and the queue is made long here.
    """
    for path in list(Path("/dev/fd").iterdir()):
        with contextlib.suppress(OSError):  # the folder's own, which is closed by now
            _widen(int(path.name))


def _widen(fd: int) -> None:
    if stat.S_ISSOCK(os.fstat(fd).st_mode):
        with socket.socket(fileno=os.dup(fd)) as found:
            if found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                found.listen(QUEUE)


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's protocol with a door: a time for each request, and a bounded number of connections."""

    _timer: asyncio.TimerHandle | None = None
    _reading = False  # a request whose head is there
    _refused = False
    _body = 0

    _is_first = True

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if BoundedHttp._is_first:  # only now is it certain that the server listens
            BoundedHttp._is_first = False
            widen_queue()
        address = self.client[0] if self.client else ""
        if KEEPER.admit(self, address):
            self._allow(HEAD_S)
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._allow(None)
        KEEPER.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if self._timer is None and not self._reading:
            self._allow(HEAD_S)  # the next request on the same connection
        super().data_received(data)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._allow(HEAD_S)  # also of one that came in a piece with the request before it

    def on_headers_complete(self) -> None:
        self._reading = True
        KEEPER.busy(self)
        self._allow(BODY_S)
        self._body = 0
        lengths = [value for name, value in self.headers if name == b"content-length"]
        if any(int(value) > MOST_BODY for value in lengths):  # the parser lets no other than digits through
            self._refuse()
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._body += len(body)
        if self._body > MOST_BODY:  # sent in pieces, without a length
            self._refuse()
        elif not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._reading = False
        self._allow(None)
        if not self._refused:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.pipeline and not self._reading:
            KEEPER.waits(self)

    def handle_websocket_upgrade(self) -> None:
        self._allow(None)
        super().handle_websocket_upgrade()
        # From here on another protocol hears that the connection is lost.
        successor: Any = self.transport.get_protocol()
        lost = successor.connection_lost

        def gone(exc: Exception | None) -> None:
            KEEPER.leave(self)
            lost(exc)

        successor.connection_lost = gone

    def _refuse(self) -> None:
        if not self._refused and not self.transport.is_closing():
            if self.cycle is None or self.cycle.response_complete:
                self.transport.write(_TOO_LARGE)
            self.transport.close()
        self._refused = True

    def _allow(self, seconds: float | None) -> None:
        """So long until the next step of the request; None: no step is awaited."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_later(seconds, self._too_slow) if seconds is not None else None

    def _too_slow(self) -> None:
        self._timer = None
        answering = self.cycle is not None and not self.cycle.response_complete
        if answering and not self._reading:
            self._allow(HEAD_S)  # it has its answer to the request before first
        elif not self.transport.is_closing():
            if not answering:
                self.transport.write(_TIMEOUT)
            self.transport.close()
