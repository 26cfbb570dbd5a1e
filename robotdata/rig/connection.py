"""Keep one websocket to the server open: connect, and connect again with growing pauses. Rigs and stations use it."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
import threading
from collections.abc import Awaitable, Callable

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI, WebSocketException

from robotdata.capture import clock
from robotdata.rig.messages import MAX_TEXT_BYTES, ProtocolError

log = logging.getLogger(__name__)
AUTHORITY = "ROBOTDATA_CA"
"""The environment variable that names the file of the authority that signed the certificate of a local server."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
_STARTING_S, _STARTING_PAUSE_S = 20.0, 0.5


class LinkRejected(Exception):
    """The server refuses this client; the next try follows after the longest pause."""


class Connection:
    """The websocket at `url`; `problem` says why there is no connection, or is None."""

    def __init__(self, url: str, token: str, stopping: threading.Event) -> None:
        self.problem: str | None = "not yet connected"
        self._url, self._token, self._stopping = url, token, stopping

    def established(self) -> None:
        """Report that the server has this client's `hello`."""
        self.problem = None
        log.info("connected to the server at %s", self._url)

    async def keep(self, serve: Callable[[ClientConnection], Awaitable[None]]) -> None:
        """Connect, call `serve`, and begin again when it ends, until `stopping` is set.

        `serve` raises LinkRejected or ProtocolError, or what websockets raises.
        """
        pause, logged_problem, started = FIRST_PAUSE_S, self.problem, clock.monotonic()
        while not self._stopping.is_set():
            began = clock.monotonic()
            try:
                async with self._open() as socket:
                    await serve(socket)
                self.problem = "the server closed the connection"
            except LinkRejected as error:
                self.problem, pause = str(error), LONGEST_PAUSE_S
            except (OSError, WebSocketException, InvalidHandshake, InvalidURI, TimeoutError) as error:
                self.problem = f"{self._url}: {error or type(error).__name__}{_remedy(error)}"
            except ProtocolError as error:
                self.problem = f"{self._url} violates the protocol: {error}"
            except Exception as error:  # in the outermost loop: the link must reconnect
                log.exception("the link to the server")
                self.problem = f"internal error: {error!r}"
            if self._stopping.is_set():
                return
            if self.problem != logged_problem:
                log.info("no connection to the server (%s), trying again", self.problem)
            logged_problem = self.problem
            pause = FIRST_PAUSE_S if clock.monotonic() - began > LONGEST_PAUSE_S else pause
            await self._sleep(pause)
            # Client and server often start together: then the server answers within seconds.
            longest = LONGEST_PAUSE_S if clock.monotonic() - started > _STARTING_S else _STARTING_PAUSE_S
            pause = min(2 * pause, longest)

    def _open(self) -> connect:
        return connect(
            self._url,
            ssl=_trust() if self._url.startswith("wss:") else None,
            additional_headers={"Authorization": f"Bearer {self._token}"},
            compression=None,
            max_size=MAX_TEXT_BYTES,
            open_timeout=5,
            close_timeout=1,
            ping_interval=5,
            ping_timeout=10,
            proxy=None,
        )

    async def _sleep(self, seconds: float) -> None:
        end = clock.monotonic() + seconds
        while clock.monotonic() < end and not self._stopping.is_set():
            await asyncio.sleep(min(0.1, seconds))


def _trust() -> ssl.SSLContext:
    """Return what makes a server trusted: this system's authorities, and the one that ROBOTDATA_CA names."""
    context = ssl.create_default_context()
    if authority := os.environ.get(AUTHORITY):
        context.load_verify_locations(cafile=authority)
    return context


def _remedy(error: Exception) -> str:
    """Return what to do about a failed connection, as the end of a sentence; empty if the error itself says it."""
    if isinstance(error, InvalidStatus) and error.response.status_code == 403:
        return ". Wrong token: pass --token-file a copy of .state/rig-token from the server's robotdata home"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f". Set {AUTHORITY} to a copy of .state/tls/robotdata-ca.pem from the server's robotdata home"
    return ""
