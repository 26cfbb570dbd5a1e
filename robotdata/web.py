"""`python -m robotdata.web SOCKETS`: the web process of `robotdata run`; SOCKETS are file numbers, such as `5,6`.

The supervisor has bound the sockets and still holds them (`robotdata.listening`).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import sys
from collections.abc import Sequence

import uvicorn

MOST_MESSAGE = 8 << 20
_SHUTDOWN_S = 5
_START_FAILED = 3
"""uvicorn's own exit code."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGINT or SIGTERM; exit with a failure if the application cannot be loaded."""
    parser = argparse.ArgumentParser(prog="python -m robotdata.web", description=__doc__)
    parser.add_argument("sockets", type=file_numbers, help="the numbers of listening sockets, with commas between")
    parser.add_argument("--ssl-certfile", help="the certificate; the pages are then served by https")
    parser.add_argument("--ssl-keyfile", help="its key")
    options = parser.parse_args(arguments)
    server = uvicorn.Server(config_of(options.ssl_certfile, options.ssl_keyfile))
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises it again once it has ended
        server.run([_own(number) for number in options.sockets])
    if not server.started:
        sys.exit(_START_FAILED)


def config_of(certificate: str | None = None, key: str | None = None) -> uvicorn.Config:
    """Return what the server is told, but for its sockets. `docs/scale-out.md` has it as a command line."""
    return uvicorn.Config(
        "robotdata.asgi:application",
        http="robotdata.connections:BoundedHttp",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_max_size=MOST_MESSAGE,
        backlog=128,
        timeout_graceful_shutdown=_SHUTDOWN_S,
        log_level="warning",
        server_header=False,
        proxy_headers=False,  # settings.PROXIES names the trusted ones
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )


def file_numbers(text: str) -> list[int]:
    """Return the numbers in "5,6". Raises ValueError."""
    return [int(word) for word in text.split(",")]


def _own(number: int) -> socket.socket:
    os.set_inheritable(number, False)  # what the server starts must not hold the port
    return socket.socket(fileno=number)


if __name__ == "__main__":
    main()
