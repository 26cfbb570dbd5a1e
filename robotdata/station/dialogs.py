"""Dialogs: programs that ask questions on a terminal, such as a calibration; a page shows their pseudo-terminals."""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MOST = 4
"""Dialogs that run, and as many that have ended and can still be read."""
MOST_CHARACTERS = 1 << 18
MOST_READ = 1 << 16
LONGEST_INPUT = 1000
ROWS, COLUMNS = 30, 80
LEAST_COLUMNS, MOST_COLUMNS = 44, 160
"""A line of LeRobot's table of joints has 43 characters; it is drawn in place, so none of its lines may wrap."""
INTERRUPT = "\x03"
_READ_BYTES = 1 << 16
_GRACE_S = 5.0


class DialogError(Exception):
    """A dialog cannot be opened, or there is none with this id; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Output:
    """Characters of a terminal from position `first` to `next`; `exit_code` is None while the program runs."""

    text: str
    first: int
    next: int
    exit_code: int | None


class Dialog:
    """One program on a pseudo-terminal of ROWS x `columns`; its newest MOST_CHARACTERS of output are kept.

    Raises OSError if the program cannot be started.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], columns: int = COLUMNS) -> None:
        self.columns = columns
        self._master, slave = pty.openpty()
        # A program that does not read must not keep whoever types.
        os.set_blocking(self._master, False)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
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
        self._thread = threading.Thread(target=self._read_all, name="dialog", daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Return whether the program has not ended."""
        return self._exit_code is None

    def read(self, after: int, wait_s: float) -> Output:
        """Return the output from position `after`, once there is some or the program has ended, or after `wait_s`.

        At most MOST_READ characters; the exit code comes with the last of them.
        """
        with self._changed:
            self._changed.wait_for(lambda: after < self._end or self._exit_code is not None, wait_s)
            first = min(max(after, self._first), self._end)
            text = self._text[first - self._first :][:MOST_READ]
            end = first + len(text)
            return Output(text, first, end, self._exit_code if end == self._end else None)

    def write(self, text: str) -> None:
        """Type `text`; Ctrl-C in it interrupts the program. A program that has ended or does not read gets nothing."""
        for index, part in enumerate(text.split(INTERRUPT)):
            if index:
                self._signal(signal.SIGINT)
            with self._changed, contextlib.suppress(OSError):  # it ends just now, or its terminal is full
                if part and self.is_running:
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
        with self._changed, contextlib.suppress(ProcessLookupError, PermissionError):
            if self.is_running:
                os.killpg(self._process.pid, number)

    def _read_all(self) -> None:
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        # Linux answers EIO, macOS nothing, once the last process has closed its side.
        with contextlib.suppress(OSError):
            while select.select([self._master], [], []) and (data := os.read(self._master, _READ_BYTES)):
                self._add(decode(data))
        self._wait_without_reaping()
        with self._changed:  # until here nobody else can have its number or its terminal
            self._exit_code = self._process.wait()
            os.close(self._master)
            self._changed.notify_all()

    def _wait_without_reaping(self) -> None:
        if hasattr(os, "waitid"):  # macOS has none
            with contextlib.suppress(ChildProcessError):
                os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)

    def _add(self, text: str) -> None:
        with self._changed:
            self._text += text
            over = max(0, len(self._text) - MOST_CHARACTERS)
            self._text, self._first = self._text[over:], self._first + over
            self._changed.notify_all()


class Dialogs:
    """The dialogs of a station, by id. Any thread may call any method."""

    def __init__(self) -> None:
        self._dialogs: dict[str, Dialog] = {}
        self._lock = threading.Lock()

    def open(self, command: Sequence[str], environment: Mapping[str, str], columns: int = COLUMNS) -> str:
        """Start a program on a terminal with so many columns and return the dialog's id.

        Raises DialogError if MOST programs run, or the program cannot be started.
        """
        with self._lock:
            ended = [key for key, dialog in self._dialogs.items() if not dialog.is_running]
            for key in ended[: max(0, len(ended) - MOST + 1)]:
                del self._dialogs[key]
            if sum(dialog.is_running for dialog in self._dialogs.values()) >= MOST:
                raise DialogError(f"{MOST} calibrations run already. End one of them first")
            try:
                dialog = Dialog(command, environment, columns)
            except OSError as error:
                raise DialogError(f"{command[0]} cannot be started: {error.strerror}") from error
            key = uuid.uuid4().hex
            self._dialogs[key] = dialog
            return key

    def get(self, key: str) -> Dialog:
        """Return a dialog. Raises DialogError if there is none with this id, or it has been forgotten."""
        with self._lock:
            if key not in self._dialogs:
                raise DialogError("This dialog has been closed. Start again")
            return self._dialogs[key]

    def close(self) -> None:
        """End all programs, at the same time."""
        with self._lock:
            ending = [threading.Thread(target=dialog.end) for dialog in self._dialogs.values()]
        for thread in ending:
            thread.start()
        for thread in ending:
            thread.join()
