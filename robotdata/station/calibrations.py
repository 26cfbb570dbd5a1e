"""Calibrate the devices of a rig: LeRobot's own dialog, run with the rig's Python, for a page to show."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from robotdata.capture.config import DeviceConfig, RigConfig
from robotdata.rig.interpreter import find_program
from robotdata.station.dialogs import COLUMNS, Dialog, DialogError, Dialogs
from robotdata.station.driver_packages import requirements_of
from robotdata.station.errors import AskRefused
from robotdata.station.pythons import DRIVERS
from robotdata.station.rig_files import RigFile, RigFiles

MODULE = "robotdata.devices.lerobot.calibrate"
INSTALLER = "robotdata.station.install"
KIND = "lerobot"
_INSTALLED = ("", DRIVERS)


class Calibrations:
    """Begins calibrations of the rigs in `files`. `is_running` says whether a rig's process holds its devices.

    `python_of_running` returns the Python with which a rig that runs was started: its file may name another by now.
    """

    def __init__(
        self,
        files: RigFiles,
        is_running: Callable[[str], bool],
        python_of_running: Callable[[str], str | None] = lambda name: None,
    ) -> None:
        self._files, self._is_running, self._python_of_running = files, is_running, python_of_running
        self._dialogs = Dialogs()
        self._drivers = files.folder.absolute().parent / DRIVERS
        self._begun: dict[tuple[str, str], str] = {}
        self._chosen: frozenset[str] = frozenset()
        self._lock = threading.Lock()  # two pages ask at the same moment, each in a thread of its own

    def begin(self, name: str, role: str, columns: int = COLUMNS) -> str:
        """Start the dialog for one device of a rig and return its id. Raises AskRefused.

        One that runs already is joined, whose terminal may have another width than `columns`.
        """
        file = self._usable(name)
        assert file.parsed.config is not None
        device = device_of(file.parsed.config, role)
        if device.kind != KIND:
            raise AskRefused("no_calibration", f"The {role} of {name} is of kind {device.kind!r}, which needs none")
        if self._is_running(name):
            raise AskRefused("running", f"{name} runs and uses the {role}: stop the rig first")
        command = [python_of(file.parsed.config), "-m", MODULE, str(self._files.path(name).absolute()), role]
        command.append("--guided")
        with self._lock:
            if not self._runs((name, role)):
                self._check_complete(name, command[0])
                self._begun[name, role] = self._open(command, columns)
            return self._begun[name, role]

    def install(self, packages: Sequence[str], columns: int = COLUMNS) -> str:
        """Start to install drivers (names of PACKAGES) beside the rig files, and return the dialog's id.

        A dialog that installs the same ones already is joined. Raises AskRefused, also while others are installed or
        a rig runs with that environment: pip would replace modules under a robot that moves.
        """
        if not packages:
            raise AskRefused("bad_args", "packages: choose at least one driver")
        requirements_of(packages)
        chosen = [word for name in packages for word in ("--package", name)]
        with self._lock:
            if not self._runs(_INSTALLED):
                self._check_unused(self._drivers)
                command = [sys.executable, "-m", INSTALLER, str(self._drivers), *chosen]
                self._begun[_INSTALLED] = self._open(command, columns)
                self._chosen = frozenset(packages)
            elif self._chosen != frozenset(packages):
                running = ", ".join(sorted(self._chosen))
                raise AskRefused("busy", f"other drivers are being installed ({running}): wait until that has ended")
            return self._begun[_INSTALLED]

    @contextmanager
    def starting(self, name: str, python: str) -> Iterator[None]:
        """Begin no installation inside of this block, in which the rig `name` starts with `python` (empty: ours).

        Raises AskRefused while drivers are being installed into it: a robot would move with half of its modules.
        """
        with self._lock:
            self._check_complete(name, python or sys.executable)
            yield

    def get(self, key: str) -> Dialog:
        """Return the dialog with this id. Raises AskRefused."""
        try:
            return self._dialogs.get(key)
        except DialogError as error:
            raise AskRefused("no_dialog", str(error)) from error

    def close(self) -> None:
        """End every dialog; its device is released."""
        self._dialogs.close()

    def _check_complete(self, name: str, python: str) -> None:
        """Raise AskRefused while drivers are being installed into the environment of `python`. Hold the lock."""
        if self._runs(_INSTALLED) and _is_of(python, self._drivers):
            raise AskRefused("busy", f"drivers are being installed for {name}: wait until that has ended")

    def _check_unused(self, folder: Path) -> None:
        """Raise AskRefused if a rig or a calibration runs with the environment `folder`."""
        for file in self._files.all():
            roles = [role for name, role in self._begun if name == file.name and self._runs((name, role))]
            if not self._is_running(file.name) and not roles:
                continue
            config, running = file.parsed.config, self._python_of_running(file.name)
            pythons = [each or sys.executable for each in (config and config.python, running) if each is not None]
            if config is None or any(_is_of(each, folder) for each in pythons):
                what = f"the calibration of {file.name}" if roles else file.name
                raise AskRefused("running", f"{what} runs and may use the Python in {folder}: stop it first")

    def _runs(self, what: tuple[str, str]) -> bool:
        """Return whether this dialog runs: a second page, or one that was left, then joins it."""
        try:
            return self._dialogs.get(self._begun.get(what, "")).is_running
        except DialogError:
            return False

    def _open(self, command: list[str], columns: int) -> str:
        try:
            return self._dialogs.open(command, {**os.environ, "PYTHONUNBUFFERED": "1"}, columns)
        except DialogError as error:
            raise AskRefused("not_started", str(error)) from error

    def _usable(self, name: str) -> RigFile:
        file = self._files.read(name)
        if file.problem or file.parsed.config is None:
            raise AskRefused("invalid", f"{file.problem}. Correct the file first", file.parsed.errors)
        return file


def _is_of(python: str, folder: Path) -> bool:
    """Return whether a program, as a rig's file names it, belongs to the environment `folder`."""
    found = find_program(python)
    # Its folder alone: the program itself is a link to the Python that made the environment.
    return found is not None and Path(found).absolute().parent.resolve() == (folder / "bin").resolve()


def device_of(config: RigConfig, role: str) -> DeviceConfig:
    """Return the device of a rig with this role, a name of `config.devices`. Raises AskRefused."""
    device = config.devices.get(role)
    if device is None:
        raise AskRefused("bad_args", f"role: want one of {', '.join(config.devices)}, got {role!r:.60}")
    return device


def python_of(config: RigConfig) -> str:
    """Return the path of the Python that the rig's file names; this process's if it names none. Raises AskRefused."""
    if not config.python:
        return sys.executable
    found = find_program(config.python)
    if found is None:
        raise AskRefused("no_python", f"rig.python is {config.python!r}, which is not a program here: correct the file")
    return found
