"""Run the rig with the Python that its file names: a robot's drivers may live in an environment of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from robotdata import lifeline
from robotdata.capture.errors import ConfigError
from robotdata.distribution import install_command

_CHOSEN = "ROBOTDATA_RIG_PYTHON"
_CHECK_S = 60.0


def find_program(python: str) -> str | None:
    """Return the path of the program that a rig file names, found as a shell does; None if there is none."""
    try:
        return shutil.which(str(Path(python).expanduser()))
    except (RuntimeError, ValueError):  # the home of nobody, or a character that no path has
        return None


def change_python(python: str, where: str, arguments: Sequence[str]) -> None:
    """Replace this process by `python -m robotdata.rig`; do nothing if `python` is empty or runs the rig already.

    `where` begins the messages. Raises ConfigError if there is no such program, or it lacks robotdata.
    """
    if not python or os.environ.get(_CHOSEN) == python:
        return
    program = find_program(python)
    if program is None:
        raise ConfigError(where, f"is {python!r}, want the path of a Python, such as /home/me/lab/bin/python")
    try:
        check = [program, "-c", "import robotdata.rig.process"]
        done = subprocess.run(check, capture_output=True, text=True, timeout=_CHECK_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigError(where, f"is {python!r}, which cannot be run: {error}") from error
    if done.returncode:
        reason = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise ConfigError(where, f"lacks robotdata ({reason}); run {install_command(program)}")
    sys.stderr.flush()
    command = [program, *lifeline.python_command("robotdata.rig", arguments)]
    os.execve(program, command, os.environ | {_CHOSEN: python})
