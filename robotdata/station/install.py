"""`python -m robotdata.station.install FOLDER`: make an environment with LeRobot's drivers and the core of robotdata.

A page runs it on a terminal, so that nobody has to know what an environment is. It can be run again, after a failure or
for more drivers: an environment that works is used as it is, and a folder that is something else is left alone.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from robotdata.distribution import UnknownSource, own_package
from robotdata.station.driver_packages import DEFAULT, PACKAGES, requirements_of
from robotdata.station.environment import NoEnvironment, fits, steps_to
from robotdata.station.install_problems import problem_of, shortage

_MOST_READ = 1 << 20


def main(arguments: list[str] | None = None) -> int:
    """Install; return 0 when a rig can run there, 1 with what to do otherwise."""
    parser = argparse.ArgumentParser(prog="python -m robotdata.station.install", description=__doc__)
    parser.add_argument("folder", type=Path, help="the environment, which is created or added to")
    parser.add_argument(
        "--package",
        action="append",
        choices=PACKAGES,
        help=f"a driver; may be repeated (default: {', '.join(DEFAULT)})",
    )
    options = parser.parse_args(arguments)
    try:
        return _main(options.folder.absolute(), options.package or DEFAULT)
    except KeyboardInterrupt:  # the page's Stop; pip gets it too
        _say("\nStopped. What was installed so far stays; Try again continues.")
        return 1


def _main(folder: Path, drivers: Sequence[str]) -> int:
    python = find_python()
    if python is None:
        _say("LeRobot needs Python 3.12 or 3.13, which this computer lacks: install python3.12, then press Try again.")
        return 1
    if not (folder / "bin/python").exists() and (problem := shortage(folder)):
        _say(problem)
        return 1
    try:
        return install(folder, python, [own_package(), *requirements_of(drivers)])
    except UnknownSource as problem:
        _say(f"{problem}, then press Try again.")
        return 1


def install(folder: Path, python: str, packages: Sequence[str]) -> int:
    """Make the environment `folder` with `python` unless one works there, install `packages`, and return 0.

    Returns 1 if a step fails or the folder is not for us to change, after saying why and what to do.
    """
    inside = str(folder / "bin/python")
    try:
        steps = steps_to(folder, python)
    except NoEnvironment as problem:
        _say(str(problem))
        return 1
    if not all(_step(step, folder) for step in steps):
        return 1
    if not _step([inside, "-m", "pip", "install", "--disable-pip-version-check", *packages], folder):
        return 1
    _say(f"\nInstalled. Rigs that need LeRobot can now run with {inside}.")
    return 0


def _step(command: list[str], folder: Path) -> bool:
    """Run one step on the terminal, and say why it fails. What pip logs is read for that and then removed."""
    _say(f"\n$ {shlex.join(command)}")
    try:
        with tempfile.TemporaryFile() as errors, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
            return _run(command, folder, errors, Path(place) / "log")
    except OSError as error:
        _say(
            f"The folder for temporary files cannot be written to ({error.strerror}): free some space in "
            f"{os.environ.get('TMPDIR') or '/tmp'} or repair its permissions, then press Try again."
        )
        return False


def _run(command: list[str], folder: Path, errors: IO[bytes], log: Path) -> bool:
    is_pip = "pip" in command
    try:  # on the terminal itself pip shows how far a download is; its errors are in its log
        more = ["--log", str(log)] if is_pip else []
        code = _code_of([*command, *more], None if is_pip else errors)
    except OSError as error:
        _say(f"{command[0]} cannot be run: {error.strerror}")
        return False
    errors.seek(0)
    output = _end_of(log) if is_pip else errors.read(_MOST_READ).decode(errors="replace")
    if not is_pip and output:
        _say(output.rstrip())
    if code:
        known = problem_of(output, folder, command[0])
        _say(f"\n{known or 'This step has failed; the lines above say why. Correct that, then press Try again.'}")
    return code == 0


def _code_of(command: list[str], errors: IO[bytes] | None) -> int:
    """Run a program to its end. A stop reaches it too: it has the time to undo what it has half done."""
    with subprocess.Popen(command, stderr=errors) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.wait()
            raise


def _end_of(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _MOST_READ))
            return file.read(_MOST_READ).decode(errors="replace")
    except OSError:  # it could not be written either
        return ""


def find_python() -> str | None:
    """Return a Python that LeRobot runs on: this one, or the first other one; None if there is none."""
    return next((candidate for candidate in _candidates() if fits(candidate)), None)


def _candidates() -> Iterator[str]:
    yield sys.executable
    for name in ("python3.12", "python3.13", "python3"):
        if found := shutil.which(name):
            yield found
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for pattern in ("3.12*", "3.13*"):
        yield from (str(path / "bin/python") for path in sorted(versions.glob(pattern), reverse=True))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
