"""The process of one rig: started, watched, started again after a failure, and ended with time to save its take."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from robotdata.capture import clock
from robotdata.files.lock import read_holder
from robotdata.station.errors import AskRefused
from robotdata.station.output import Output
from robotdata.supervisor import HEALTHY_AFTER_S, SETTINGS_ARE_WRONG, Lifeline, end_group, ending_of, pause_after

STOP_S = 20.0
"""Seconds between SIGTERM and SIGKILL: a take that is being recorded is closed and made durable first."""
_LOOK_S = 0.25
_DRAIN_S = 2.0
_PREFIX = "rig: "


@dataclass(frozen=True, slots=True)
class RigCommand:
    """How a rig's process is started: its file, and what follows it on the command line."""

    file: Path
    arguments: Sequence[str]
    token: str
    spool: Path


class RigRunner:
    """Runs one rig until `stop`. `state` is one of RIG_STATES, `since` its beginning in unix seconds.

    `on_start` is called before the process is started, and may refuse that (AskRefused); it is tried again later.
    `on_change` after every change, and `on_line` with every line
    of output.
    """

    def __init__(
        self,
        name: str,
        command: RigCommand,
        lifeline: Lifeline,
        *,
        on_change: Callable[[], None],
        on_line: Callable[[str], None],
        on_start: Callable[[], None],
    ) -> None:
        self.name = name
        self.state, self.since, self.problem = "stopped", clock.wall(), ""
        self.pid: int | None = None
        self._command, self._lifeline = command, lifeline
        self._on_change, self._on_line, self._on_start = on_change, on_line, on_start
        self._output = Output(self._add_line)
        self._failures = self._lines = 0
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    @property
    def last_words(self) -> list[str]:
        """Return the newest lines of its output."""
        return list(self._output.lines)

    @property
    def active(self) -> bool:
        """Return whether its process runs, or will be started again."""
        return self._task is not None and not self._task.done()

    def start(self) -> None:
        """Start the process; do nothing if it runs. Call it again to start one that has failed at once."""
        if self.active and self.state in ("starting", "running"):
            return
        if self._task is not None:
            self._task.cancel()
        self._stopping, self._failures = asyncio.Event(), 0
        self._output.lines.clear()
        self._set("starting")
        self._task = asyncio.create_task(self._run(), name=f"rig {self.name}")

    async def stop(self) -> None:
        """End the process: SIGTERM, STOP_S of time, then SIGKILL."""
        self._stopping.set()
        if self._task is not None:
            await asyncio.wait({self._task})
        self._set("stopped")

    async def _run(self) -> None:
        while not self._stopping.is_set():
            self._set("starting")
            code = await self._run_once()
            if self._stopping.is_set():
                return
            last = self._output.lines[-1].removeprefix(_PREFIX) if self._lines else ""
            if code == SETTINGS_ARE_WRONG:
                self._set("failed", last or "its settings are wrong")
                return
            pause = pause_after(self._failures)
            self._failures += 1
            how = f"it has ended by itself ({ending_of(code)})" if code is not None else "it cannot be started"
            self._set("failed", f"{how} and is started again after {pause:g} s" + (f": {last}" if last else ""))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    async def _run_once(self) -> int | None:
        """Run the process to its end and return its exit status; None if it cannot be started."""
        self._lines = 0
        try:
            self._on_start()
        except AskRefused as refusal:
            self._output.add(f"{refusal.message}\n".encode())
            return None
        command = self._lifeline.command("robotdata.rig", [str(self._command.file), *self._command.arguments])
        environment = {**os.environ, "ROBOTDATA_RIG_TOKEN": self._command.token, "PYTHONUNBUFFERED": "1"}
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                env=environment,
                pass_fds=(self._lifeline.fd,),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the station alone, which ends its rigs
            )
        except OSError as error:  # no more processes, no memory: the others live on
            self._output.add(f"{error.strerror}: check `ulimit -u` and free memory\n".encode())
            return None
        self.pid = process.pid
        self._on_change()
        assert process.stdout is not None
        reading = asyncio.create_task(self._output.read(process.stdout))
        try:
            return await self._until_it_ends(process)
        finally:
            end_group(process.pid)  # what it left running, such as an encoder
            await asyncio.wait({reading}, timeout=_DRAIN_S)
            reading.cancel()
            self.pid = None

    async def _until_it_ends(self, process: asyncio.subprocess.Process) -> int:
        ended, stopping = asyncio.create_task(process.wait()), asyncio.create_task(self._stopping.wait())
        began = clock.monotonic()
        try:
            while not ended.done() and not stopping.done():
                if self.state == "starting" and self._has_lock(process.pid):
                    self._set("running")
                if self._failures and clock.monotonic() - began > HEALTHY_AFTER_S:
                    self._failures = 0
                watched = self.state == "starting" or self._failures
                await asyncio.wait(
                    {ended, stopping}, timeout=_LOOK_S if watched else None, return_when=asyncio.FIRST_COMPLETED
                )
            if not ended.done():
                process.terminate()
                await asyncio.wait({ended}, timeout=STOP_S)
            if not ended.done():
                self._output.add(f"it did not stop within {STOP_S:g} s: killed. Its take is recovered later\n".encode())
                end_group(process.pid)
            return await ended
        finally:
            stopping.cancel()

    def _has_lock(self, pid: int) -> bool:
        """Return whether the process has locked its rig, which it does once its file and drivers are right."""
        try:
            fd = os.open(self._command.spool / f".rig-{self.name}.lock", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return False
        try:
            return read_holder(fd).get("pid") == pid
        finally:
            os.close(fd)

    def _add_line(self, line: str) -> None:
        self._lines += 1
        self._on_line(line)
        self._on_change()

    def _set(self, state: str, problem: str = "") -> None:
        if (state, problem) != (self.state, self.problem):
            self.state, self.problem, self.since = state, problem, clock.wall()
            self._on_change()
