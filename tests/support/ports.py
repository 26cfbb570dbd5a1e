"""Free ports for servers of the tests, which bind them only seconds later.

The system gives an ephemeral port that nobody has now to whoever asks next: to another tester, or to a connection. So
each tester counts through ports of its own below those.
"""

from __future__ import annotations

import itertools
import os
import socket

FIRST, EACH, MOST_TESTERS = 12_000, 1_000, 16


def free_port() -> int:
    """Return a port of this tester that nobody has bound, and that it has not returned for long."""
    tester = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % MOST_TESTERS
    while True:
        port = FIRST + tester * EACH + next(_numbers) % EACH
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


_numbers = itertools.count(os.getpid())  # two runs at the same time begin at different ones
