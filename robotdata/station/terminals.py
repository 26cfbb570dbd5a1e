"""Programs that ask questions on a terminal, such as a calibration, each on a pseudo-terminal that a page shows."""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MOST = 4
"""Terminals with a running program, and as many that have ended and can still be read."""
MOST_CHARACTERS = 1 << 18
LONGEST_INPUT = 1000
ROWS, COLUMNS = 30, 100
INTERRUPT = "\x03"
_READ_BYTES = 1 << 16
_GRACE_S = 5.0


class TerminalError(Exception):
    """A terminal cannot be opened, or there is none with this id; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Output:
    """Characters of a terminal from position `first` to `next`; `exit_code` is None while the program runs."""

    text: str
    first: int
    next: int
    exit_code: int | None


class Terminal:
    """One program on a pseudo-terminal of ROWS x COLUMNS; its newest MOST_CHARACTERS of output are kept.

    Raises OSError if the program cannot be started.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        try:
            # A session of its own: signals reach the program and its children, and nothing else.
            self._process = subprocess.Popen(
                command, stdin=slave, stdout=slave, stderr=slave, env=dict(environment), start_new_session=True
            )
        except OSError:
            os.close(self._master)
            raise
        finally:
            os.close(slave)
        self._text, self._first = "", 0
        self._exit_code: int | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read_all, name="terminal", daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Return whether the program has not ended."""
        return self._exit_code is None

    def read(self, after: int, wait_s: float) -> Output:
        """Return the output from position `after`, once there is some or the program has ended, or after `wait_s`."""
        with self._changed:
            self._changed.wait_for(lambda: after < self._end or self._exit_code is not None, wait_s)
            first = min(max(after, self._first), self._end)
            return Output(self._text[first - self._first :], first, self._end, self._exit_code)

    def write(self, text: str) -> None:
        """Type `text`; Ctrl-C in it interrupts the program. A program that has ended gets nothing."""
        for index, part in enumerate(text.split(INTERRUPT)):
            if index:
                self._signal(signal.SIGINT)
            if part and self.is_running:
                with contextlib.suppress(OSError):  # it ends just now
                    os.write(self._master, part.encode())

    def end(self) -> None:
        """End the program: Ctrl-C first, so that it releases its device; then what still runs is killed."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            self._signal(number)
            with self._changed:
                if self._changed.wait_for(lambda: self._exit_code is not None, _GRACE_S):
                    return

    @property
    def _end(self) -> int:
        return self._first + len(self._text)

    def _signal(self, number: int) -> None:
        if self.is_running:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)

    def _read_all(self) -> None:
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        # Linux answers EIO, macOS nothing, once the last process has closed its side.
        with contextlib.suppress(OSError):
            while data := os.read(self._master, _READ_BYTES):
                self._add(decode(data))
        code = self._process.wait()
        with self._changed:
            os.close(self._master)
            self._exit_code = code
            self._changed.notify_all()

    def _add(self, text: str) -> None:
        with self._changed:
            self._text += text
            over = max(0, len(self._text) - MOST_CHARACTERS)
            self._text, self._first = self._text[over:], self._first + over
            self._changed.notify_all()


class Terminals:
    """The terminals of a station, by id. Any thread may call any method."""

    def __init__(self) -> None:
        self._terminals: dict[str, tuple[Terminal, list[Path]]] = {}
        self._lock = threading.Lock()

    def open(self, command: Sequence[str], environment: Mapping[str, str], temporary: Sequence[Path] = ()) -> str:
        """Start a program and return its terminal's id. The files `temporary` are removed with the terminal.

        Raises TerminalError if MOST programs run, or the program cannot be started.
        """
        with self._lock:
            self._forget_ended()
            if sum(terminal.is_running for terminal, _ in self._terminals.values()) >= MOST:
                raise TerminalError(f"{MOST} calibrations run already. End one of them first")
            try:
                terminal = Terminal(command, environment)
            except OSError as error:
                raise TerminalError(f"{command[0]} cannot be started: {error.strerror}") from error
            key = uuid.uuid4().hex
            self._terminals[key] = terminal, list(temporary)
            return key

    def get(self, key: str) -> Terminal:
        """Return a terminal. Raises TerminalError if there is none with this id, or it has been forgotten."""
        with self._lock:
            if key not in self._terminals:
                raise TerminalError("This terminal has been closed. Start again")
            return self._terminals[key][0]

    def close(self) -> None:
        """End all programs."""
        with self._lock:
            for key in list(self._terminals):
                self._terminals[key][0].end()
                self._remove(key)

    def _forget_ended(self) -> None:
        ended = [key for key, (terminal, _) in self._terminals.items() if not terminal.is_running]
        for key in ended[: max(0, len(ended) - MOST + 1)]:
            self._remove(key)

    def _remove(self, key: str) -> None:
        for path in self._terminals.pop(key)[1]:
            path.unlink(missing_ok=True)
