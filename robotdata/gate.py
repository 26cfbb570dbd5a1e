"""Let processes load their modules while another one prepares what they need; they continue when the gate is opened.

The gate is a pipe. The processes that wait get the number of its read end in the environment.
"""

from __future__ import annotations

import os
import sys

VARIABLE = "ROBOTDATA_GATE"
_MOST_WAITING = 1000


class Gate:
    """A gate in the process that opens it. `fd` goes to the processes that wait; `close` without `open` ends them."""

    def __init__(self) -> None:
        self.fd, self._end = os.pipe()
        self.is_open = self._is_closed = False

    def open(self) -> None:
        """Let the waiting processes continue, each of which reads a byte. One that is started later need not wait."""
        os.write(self._end, b"o" * _MOST_WAITING)
        self.is_open = True
        self.close()

    def close(self) -> None:
        """Release the pipe; a process that still waits exits."""
        if not self._is_closed:
            self._is_closed = True
            os.close(self._end)
            os.close(self.fd)


def wait_until_open() -> None:
    """Return when the gate in the environment is open, at once if there is none; exit if it never will be."""
    given = os.environ.pop(VARIABLE, "")
    if not given:
        return
    fd = int(given)
    try:
        if not os.read(fd, 1):
            sys.exit(0)
    finally:
        os.close(fd)
