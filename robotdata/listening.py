"""Listen on an address once for as long as the product runs, so that no other program can take its place meanwhile.

The supervisor binds the sockets and the web process gets them by number. Connections that come while there is no web
process wait in the system's queue.
"""

from __future__ import annotations

import contextlib
import errno
import socket

QUEUE = 4096
"""Connections that the system holds until they are let in; it may allow fewer (net.core.somaxconn)."""
MOST_PORT = 65535
_TRIES = 20


class ListenError(Exception):
    """The address cannot be used; the message says why and what to do."""


def listen(host: str, port: int) -> list[socket.socket]:
    """Return listening sockets for every address of `host` that this computer has, all at one port; 0 is any free one.

    Raises ListenError.
    """
    if not 0 <= port <= MOST_PORT:
        raise ListenError(f"There is no port {port}: choose one from 1 to {MOST_PORT}, such as 8000.")
    for tries_left in reversed(range(1 if port else _TRIES)):
        try:
            return _listen(host, port)
        except UnicodeError as error:  # a part between two dots has more than 63 letters, or none
            raise ListenError(
                f"{host:.100} is not the name of a computer. Choose an address of this computer with `make run HOST=`, "
                "such as 127.0.0.1 or 0.0.0.0."
            ) from error
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not tries_left:  # a port free at one address is taken at another
                raise ListenError(
                    f"Cannot listen on {_named(host, port)} ({error.strerror}). {_remedy(error, port)}"
                ) from error
    raise AssertionError("unreachable")


def _listen(host: str, port: int) -> list[socket.socket]:
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    with contextlib.ExitStack() as opened:
        sockets: list[socket.socket] = []
        for family, place in dict.fromkeys((family, place) for family, _, _, _, place in found):
            try:
                sock = opened.enter_context(socket.socket(family, socket.SOCK_STREAM))
            except OSError:  # a name has an IPv6 address on a computer without IPv6
                continue
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of the run before may linger
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted connections inherit it
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                sock.bind((place[0], port or (sockets[0].getsockname()[1] if sockets else 0), *place[2:]))
            except OSError as error:
                if error.errno != errno.EADDRNOTAVAIL:
                    raise
                sock.close()  # IPv6 may be there and switched off: the name's other addresses do
                continue
            sock.listen(QUEUE)
            sockets.append(sock)
        if not sockets:
            raise OSError(errno.EADDRNOTAVAIL, "no such address on this computer")
        opened.pop_all()
    return sockets


def _named(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _remedy(error: OSError, port: int) -> str:
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return "Choose an address of this computer with `make run HOST=`, such as 127.0.0.1 or 0.0.0.0."
    if error.errno == errno.EACCES:
        return "Ports below 1024 belong to the system: choose another, such as `make run PORT=8000`."
    return f"Another program may use the port: stop it, or choose another with `make run PORT={port + 1}`."
