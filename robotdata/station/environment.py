"""Say which commands make an environment of a folder, so that nothing in it that is needed or not ours is lost."""

from __future__ import annotations

import errno
import subprocess
from pathlib import Path

OLDEST, NEWEST = (3, 12), (3, 14)
"""The versions of Python that LeRobot 0.6 runs on: from the first up to below the second."""
_ASK = "import sys; print(*sys.version_info[:2])"
_ASK_PIP = "import pip._internal; from importlib.metadata import version; version('pip')"  # written after its modules
_PYTHON_S, _ENVIRONMENT_S = 20.0, 60.0
_OF_VENV = {"bin", "lib", "lib64", "include", "share", "etc", "man", "doc", "pyvenv.cfg", ".gitignore"}
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ENOEXEC, errno.ELOOP)


class NoEnvironment(Exception):
    """The folder cannot become an environment without a loss; the message says why and what to do."""


def steps_to(folder: Path, python: str) -> list[list[str]]:
    """Return the commands that make `folder` an environment of `python` with pip; none if it is one that works.

    Only an environment whose Python does not start is cleared. Raises NoEnvironment if there is something else, or an
    environment with another Python, or one that does not answer in time: nothing in it may be touched then.
    """
    create = [python, "-m", "venv", str(folder)]
    try:
        names = {path.name for path in folder.iterdir()}
    except FileNotFoundError:
        return [create]
    except OSError as error:
        raise NoEnvironment(_refusal(folder, f"cannot be used as a folder ({error.strerror})")) from error
    if names <= _OF_VENV and not any(not path.is_dir() for path in folder.rglob("*")):  # a stop was very early
        return [create]
    if "pyvenv.cfg" not in names:
        raise NoEnvironment(_refusal(folder, "is not empty and no environment of Python"))
    inside = str(folder / "bin/python")
    try:
        version = version_of(inside, _ENVIRONMENT_S)
        if version is None:
            return [_cleared(create, folder, names)]
        if not OLDEST <= version < NEWEST:
            what = f"is an environment with Python {'.'.join(map(str, version))}, and LeRobot needs 3.12 or 3.13"
            raise NoEnvironment(_refusal(folder, what))
        return [] if has_pip(inside) else [[inside, "-m", "ensurepip", "--upgrade", "--default-pip"]]
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = f": {error.strerror}" if isinstance(error, OSError) else f" within {_ENVIRONMENT_S:g} s"
        raise NoEnvironment(
            f"The Python in {folder} does not answer{reason}. Nothing was changed. This computer may have too much to "
            "do: wait until it has less, then press Try again."
        ) from error


def fits(python: str) -> bool:
    """Return whether LeRobot runs on the program `python`."""
    try:
        version = version_of(python, _PYTHON_S)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return version is not None and OLDEST <= version < NEWEST


def version_of(python: str, timeout_s: float) -> tuple[int, ...] | None:
    """Return the version of a Python, such as (3, 12); None if there is none that starts.

    Raises OSError or TimeoutExpired if this cannot be known now: it may not be run, was killed, or is slow.
    """
    try:
        done = subprocess.run([python, "-I", "-c", _ASK], capture_output=True, text=True, timeout=timeout_s)
    except OSError as error:
        if error.errno in _GONE:
            return None
        raise
    _check_not_killed(done.returncode)
    try:
        return tuple(map(int, done.stdout.split())) or None
    except ValueError:
        return None


def has_pip(python: str) -> bool:
    """Return whether an environment has all of pip. Raises OSError or TimeoutExpired as `version_of` does."""
    code = subprocess.run([python, "-I", "-c", _ASK_PIP], capture_output=True, timeout=_ENVIRONMENT_S).returncode
    _check_not_killed(code)
    return code == 0


def _check_not_killed(code: int) -> None:
    if code < 0:
        raise InterruptedError(errno.EINTR, f"signal {-code} has ended it")


def _cleared(create: list[str], folder: Path, names: set[str]) -> list[str]:
    if others := sorted(names - _OF_VENV):
        raise NoEnvironment(_refusal(folder, f"is a broken environment that holds something else too, {others[0]}"))
    return [*create[:-1], "--clear", create[-1]]


def _refusal(folder: Path, what: str) -> str:
    return (
        f"{folder} {what}, so nothing in it was changed. The drivers need this folder: "
        f"rename the existing one (mv {folder.name} another-name), then press Try again."
    )
