"""Calibrate the devices of a rig: LeRobot's own dialog, run with the rig's Python, for a page to show."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from robotdata.capture.config import DeviceConfig, RigConfig
from robotdata.rig.interpreter import find_program
from robotdata.station.dialogs import Dialog, DialogError, Dialogs
from robotdata.station.errors import AskRefused
from robotdata.station.pythons import DRIVERS
from robotdata.station.rig_files import RigFile, RigFiles

MODULE = "robotdata.devices.lerobot.calibrate"
INSTALLER = "robotdata.station.install"
KIND = "lerobot"
_INSTALLED = ("", DRIVERS)


class Calibrations:
    """Begins calibrations of the rigs in `files`. `is_running` says whether a rig's process holds its devices."""

    def __init__(self, files: RigFiles, is_running: Callable[[str], bool]) -> None:
        self._files, self._is_running = files, is_running
        self._dialogs = Dialogs()
        self._begun: dict[tuple[str, str], str] = {}

    def begin(self, name: str, role: str) -> str:
        """Start the dialog for one device of a rig, unless it runs already, and return its id. Raises AskRefused."""
        file = self._usable(name)
        assert file.parsed.config is not None
        device = device_of(file.parsed.config, role)
        if device.kind != KIND:
            raise AskRefused("no_calibration", f"The {role} of {name} is of kind {device.kind!r}, which needs none")
        if self._is_running(name):
            raise AskRefused("running", f"{name} runs and uses the {role}: stop the rig first")
        if self._runs((name, role)):
            return self._begun[name, role]
        command = [python_of(file.parsed.config), "-m", MODULE, str(self._files.path(name).absolute()), role]
        command.append("--guided")
        key = self._begun[name, role] = self._open(command)
        return key

    def install(self) -> str:
        """Start to install LeRobot's drivers beside the rig files, and return the dialog's id. Raises AskRefused."""
        if not self._runs(_INSTALLED):
            folder = str(self._files.folder.absolute().parent / DRIVERS)
            self._begun[_INSTALLED] = self._open([sys.executable, "-m", INSTALLER, folder])
        return self._begun[_INSTALLED]

    def get(self, key: str) -> Dialog:
        """Return the dialog with this id. Raises AskRefused."""
        try:
            return self._dialogs.get(key)
        except DialogError as error:
            raise AskRefused("no_dialog", str(error)) from error

    def close(self) -> None:
        """End every dialog; its device is released."""
        self._dialogs.close()

    def _runs(self, what: tuple[str, str]) -> bool:
        """Return whether this dialog runs: a second page, or one that was left, then joins it."""
        try:
            return self._dialogs.get(self._begun.get(what, "")).is_running
        except DialogError:
            return False

    def _open(self, command: list[str]) -> str:
        try:
            return self._dialogs.open(command, {**os.environ, "PYTHONUNBUFFERED": "1"})
        except DialogError as error:
            raise AskRefused("not_started", str(error)) from error

    def _usable(self, name: str) -> RigFile:
        file = self._files.read(name)
        if file.problem or file.parsed.config is None:
            raise AskRefused("invalid", f"{file.problem}. Correct the file first", file.parsed.errors)
        return file


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
