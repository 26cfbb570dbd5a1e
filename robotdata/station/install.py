"""`python -m robotdata.station.install FOLDER`: make an environment with LeRobot's drivers and the core of robotdata.

A page runs it on a terminal, so that nobody has to know what an environment is. It can be run again after a failure.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlsplit

OLDEST, NEWEST = (3, 12), (3, 14)
"""The versions of Python that LeRobot 0.6 runs on: from the first up to below the second."""
LEROBOT = "lerobot[feetech,dynamixel]>=0.6"
_DISTRIBUTION = "robotdata-lab"
_ASK = "import sys; print(*sys.version_info[:2])"


def main(arguments: list[str] | None = None) -> int:
    """Install; return 0 when a rig can run there, 1 with what to do otherwise."""
    parser = argparse.ArgumentParser(prog="python -m robotdata.station.install", description=__doc__)
    parser.add_argument("folder", type=Path, help="the environment, which is created")
    folder = parser.parse_args(arguments).folder.absolute()
    python = find_python()
    if python is None:
        _say("LeRobot needs Python 3.12 or 3.13, and this computer has neither. Install python3.12, then begin again.")
        return 1
    return install(folder, python, [own_package(), LEROBOT])


def install(folder: Path, python: str, packages: Sequence[str]) -> int:
    """Make the environment `folder` with `python`, install `packages` there, and return 0; 1 if a step fails."""
    inside = str(folder / "bin/python")
    steps = [[python, "-m", "venv", str(folder)], [inside, "-m", "pip", "install", *packages]]
    for step in steps:
        _say(f"\n$ {shlex.join(step)}")
        try:
            code = subprocess.run(step).returncode
        except OSError as error:
            _say(f"{step[0]} cannot be run: {error.strerror}")
            return 1
        if code:
            _say("\nThis step has failed; the lines above say why. Correct that, then begin again.")
            return 1
    _say(f"\nInstalled. Rigs that need LeRobot can now run with {inside}.")
    return 0


def find_python() -> str | None:
    """Return a Python that LeRobot runs on: this one, or the first other one; None if there is none."""
    for candidate in _candidates():
        try:
            done = subprocess.run([candidate, "-c", _ASK], capture_output=True, text=True, timeout=20)
            version = tuple(map(int, done.stdout.split()))
        except (OSError, ValueError, subprocess.TimeoutExpired):
            continue
        if OLDEST <= version < NEWEST:
            return candidate
    return None


def own_package() -> str:
    """Return what pip installs this program from: its checkout, where it came from, or its name and version."""
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "pyproject.toml").is_file():
        return str(checkout)
    distribution = metadata.distribution(_DISTRIBUTION)
    source = urlsplit(json.loads(distribution.read_text("direct_url.json") or "{}").get("url", ""))
    local = Path(unquote(source.path))
    return str(local) if source.scheme == "file" and local.exists() else f"{_DISTRIBUTION}=={distribution.version}"


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
