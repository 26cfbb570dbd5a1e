"""A port for a server that a benchmark starts."""

from __future__ import annotations

import socket


def free_port() -> int:
    """Return a port that nobody has now; the system soon gives it to whoever asks, so start the server at once."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
