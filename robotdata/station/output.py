"""The output of a rig's process: the newest lines are kept, and all of them appear on the station's terminal."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import queue
import re
import sys
import threading
from collections import deque
from collections.abc import Callable

from robotdata.station.protocol import LAST_WORDS

LINE_CHARACTERS = 500
_READ_BYTES = 1 << 16
_WAITING_LINES = 1000
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


class Terminal:
    """Writes lines to the terminal in a thread of its own, because a terminal may hang (Ctrl-S) and a rig must not.

    Lines are dropped while too many wait.
    """

    def __init__(self) -> None:
        self._lines: queue.Queue[str | threading.Event] = queue.Queue(_WAITING_LINES)
        threading.Thread(target=self._write, name="terminal", daemon=True).start()

    def show(self, line: str) -> None:
        """Write one line soon."""
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(line)

    def flush(self, timeout_s: float = 1.0) -> None:
        """Wait until every line is written, or for `timeout_s`."""
        written = threading.Event()
        with contextlib.suppress(queue.Full):
            self._lines.put(written, timeout=timeout_s)
            written.wait(timeout_s)

    def _write(self) -> None:
        while True:
            line = self._lines.get()
            if isinstance(line, threading.Event):
                line.set()
                continue
            with contextlib.suppress(OSError, ValueError):  # the terminal is gone
                sys.stderr.write(f"{line}\n")
                sys.stderr.flush()


class Output:
    """Collects lines; `lines` are the newest LAST_WORDS of them, each of at most LINE_CHARACTERS characters."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self.lines: deque[str] = deque(maxlen=LAST_WORDS)
        self._on_line = on_line
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self._rest = ""

    async def read(self, stream: asyncio.StreamReader) -> None:
        """Collect what a process writes, until it ends."""
        while data := await stream.read(_READ_BYTES):
            self.add(data)
        self.end()

    def add(self, data: bytes) -> None:
        """Add output as it comes: a line may end in a later piece, and a very long one is cut."""
        *lines, rest = (self._rest + self._decoder.decode(data)).replace("\r", "\n").split("\n")
        for line in lines:
            self._line(line)
        self._rest = rest[: 4 * LINE_CHARACTERS]  # what follows on this line is not shown

    def end(self) -> None:
        """Add the last line, which may lack its end."""
        self._line(self._rest)
        self._rest = ""

    def _line(self, line: str) -> None:
        line = _CONTROLS.sub(" ", _ESCAPES.sub("", line)).rstrip()
        if not line:
            return
        line = line if len(line) <= LINE_CHARACTERS else f"{line[: LINE_CHARACTERS - 1]}…"
        self.lines.append(line)
        self._on_line(line)
