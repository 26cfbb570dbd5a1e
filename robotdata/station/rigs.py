"""The rigs of a station: their files, their processes, and which of them shall run."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from robotdata.station.errors import AskRefused
from robotdata.station.output import Terminal
from robotdata.station.protocol import MAX_RIGS, RigProcess
from robotdata.station.rig_files import RigFile, RigFiles
from robotdata.station.rig_process import STOP_S, RigCommand, RigRunner
from robotdata.supervisor import Lifeline

log = logging.getLogger(__name__)
_KILLED_S = 2.0
_WAIT_S = 30
"""Seconds that a rig waits for an earlier process of it, which a killed station has left to save its take."""


class Rigs:
    """Every rig of the folder of `files`. Its methods belong to one event loop; `changed` is called at every change.

    A rig starts inside of `starting(its name, its Python)`, which may refuse that.
    """

    def __init__(
        self,
        files: RigFiles,
        spool: Path,
        url: str,
        token: str,
        *,
        lifeline: Lifeline,
        changed: Callable[[], None],
        starting: Callable[[str, str], AbstractContextManager[None]] = lambda name, python: contextlib.nullcontext(),
    ) -> None:
        self.files = files
        self.changed = changed
        self._starting = starting
        self._spool, self._url, self._token = spool, url, token
        self._lifeline = lifeline
        self._terminal = Terminal()
        self._runners: dict[str, RigRunner] = {}
        self._versions: dict[str, str] = {}
        self._pythons: dict[str, str] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._wanted = files.wanted()
        self._ending = False

    def start_wanted(self) -> None:
        """Start the rigs that ran, or should have run, when the last station of this folder ended."""
        for name in sorted(self._wanted):
            try:
                self._start(name)
            except AskRefused as refusal:
                log.warning("rig %s is not started: %s", name, refusal.message)

    def report(self) -> list[RigProcess]:
        """Return every rig that has a file or runs, at most MAX_RIGS."""
        files = {file.name: file for file in self.files.all()}
        running = {name for name, runner in self._runners.items() if runner.active}
        names = [*running, *(name for name in files if name not in running)][:MAX_RIGS]
        return [self._one(name, files.get(name)) for name in sorted(names)]

    async def start(self, name: str) -> None:
        """Start a rig; do nothing if it runs. Raises AskRefused."""
        async with self._lock(name):
            self._start(name)
            self._want(name, True)

    async def stop(self, name: str) -> None:
        """Stop a rig; its take is saved first. Do nothing if it does not run. Raises AskRefused."""
        async with self._lock(name):
            if name not in self._runners:
                self.files.read(name)
            self._want(name, False)
            await self._stop(name)

    async def restart(self, name: str) -> None:
        """Stop a rig and start it with its present file. Raises AskRefused; if the file is wrong, the rig runs on."""
        async with self._lock(name):
            self.check_python(name, _python_of(self._usable(name)))  # before the rig is stopped
            await self._stop(name)
            self._start(name)
            self._want(name, True)

    async def remove(self, name: str) -> None:
        """Stop a rig and put its file aside. Raises AskRefused."""
        async with self._lock(name):
            self.files.read(name)
            self._want(name, False)
            await self._stop(name)
            kept = self.files.remove(name)
            self._runners.pop(name, None)
            log.info("rig %s is removed; its file is kept as %s", name, kept)
        self.changed()

    async def write(self, name: str, text: str, version: str | None) -> RigFile:
        """Write a rig's file, which a running rig does not notice before it is started again. Raises AskRefused."""
        async with self._lock(name):
            file = self.files.write(name, text, version)
        self.changed()
        return file

    async def end(self) -> None:
        """Stop every rig, all at the same time; what shall run next time is not changed."""
        self._ending = True
        stops = [asyncio.create_task(runner.stop()) for runner in self._runners.values()]
        if stops:  # a driver that hangs in the kernel keeps its process
            await asyncio.wait(stops, timeout=STOP_S + _KILLED_S)
        self._terminal.flush()

    def check_python(self, name: str, python: str) -> None:
        """Raise AskRefused if no process may start with this Python now, as a rig's file names it."""
        with self._starting(name, python):
            pass

    def is_active(self, name: str) -> bool:
        """Return whether the rig has a process, or will have one again."""
        return name in self._runners and self._runners[name].active

    def running_python(self, name: str) -> str | None:
        """Return the Python, as its file named it, that an active rig was started with; None if it is not active."""
        return self._pythons.get(name) if self.is_active(name) else None

    def pids(self) -> dict[int, str]:
        """Return the names of the rigs that run, by the ids of their processes."""
        return {runner.pid: name for name, runner in self._runners.items() if runner.pid is not None}

    def running_files(self) -> list[RigFile]:
        """Return the files of the rigs whose processes run, as they are now."""
        return [file for file in self.files.all() if self._is_running(file.name)]

    def active_files(self) -> list[RigFile]:
        """Return the files of the rigs whose processes run or will be started again, as they are now."""
        return [file for file in self.files.all() if self.is_active(file.name)]

    def _is_running(self, name: str) -> bool:
        runner = self._runners.get(name)
        return runner is not None and runner.pid is not None

    def _start(self, name: str) -> None:
        if self._ending:
            raise AskRefused("ending", "this station is ending: start it again first")
        file = self._usable(name)
        runner = self._runners.get(name)
        if runner is None:
            arguments = ["--spool", str(self._spool), "--url", self._url, "--wait", str(_WAIT_S)]
            command = RigCommand(self.files.path(name).absolute(), arguments, self._token, self._spool)
            runner = self._runners[name] = RigRunner(
                name,
                command,
                self._lifeline,
                on_change=self.changed,
                on_line=lambda line: self._terminal.show(f"[{name}] {line}"),
                on_start=lambda: self._note_file(name),
            )
        with self._starting(name, _python_of(file)):
            runner.start()

    def _note_file(self, name: str) -> None:
        """Remember the file that a process starts with. Raises AskRefused if it may not start now."""
        try:
            file = self.files.read(name)
        except AskRefused:  # its file is gone; the process says so
            return
        with self._starting(name, _python_of(file)):
            self._versions[name], self._pythons[name] = file.version, _python_of(file)

    async def _stop(self, name: str) -> None:
        if name in self._runners:
            await self._runners[name].stop()

    def _usable(self, name: str) -> RigFile:
        file = self.files.read(name)
        if file.problem:
            raise AskRefused("invalid", f"{file.problem}. Correct the file first", file.parsed.errors)
        return file

    def _want(self, name: str, running: bool) -> None:
        wanted = self._wanted | {name} if running else self._wanted - {name}
        if wanted != self._wanted:
            self._wanted = wanted
            self.files.want(wanted)

    def _lock(self, name: str) -> asyncio.Lock:
        self.files.path(name)  # only names that a rig can have get a lock
        return self._locks.setdefault(name, asyncio.Lock())

    def _one(self, name: str, file: RigFile | None) -> RigProcess:
        runner = self._runners.get(name)
        parsed = file.parsed if file is not None else None
        config = parsed.config if parsed is not None else None
        file_problem = file.problem if file is not None else f"{name}.toml is gone; stop this rig, or write it again"
        return {
            "name": name,
            "state": runner.state if runner is not None else "stopped",
            "since": runner.since if runner is not None else 0.0,
            "pid": runner.pid if runner is not None else None,
            "version": file.version if file is not None else "",
            "running_version": self._versions.get(name, "") if self._is_running(name) else "",
            "robot": parsed.device("robot") if parsed is not None else "",
            "teleoperator": parsed.device("teleoperator") if parsed is not None else "",
            "devices": parsed.devices if parsed is not None and config is not None else {},
            "cameras": [camera.name for camera in config.cameras] if config is not None else [],
            "fps": config.fps if config is not None else 0.0,
            "problem": (runner.problem if runner is not None else "") or file_problem,
            "last_words": runner.last_words if runner is not None else [],
        }


def _python_of(file: RigFile) -> str:
    return file.parsed.config.python if file.parsed.config is not None else ""
