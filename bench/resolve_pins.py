"""Whether what we pin can be installed: beside LeRobot, and with nothing left to chance on the oldest Python.

    python bench/resolve_pins.py

Resolves without installing, with uv. Where no package index can be reached it says that it looked at nothing.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LEROBOT = "lerobot==0.6.1"
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)
_OFFLINE = ("failed to fetch", "error sending request", "dns error", "timed out", "could not connect")


class NoIndex(Exception):
    """No package index answers."""


def resolve(python: str, *more: str) -> set[str]:
    """The names of all that would be installed, in lower case; raises NoIndex, and SystemExit where nothing fits."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        raise NoIndex("uv is not installed")
    with tempfile.TemporaryDirectory() as folder:
        beside = Path(folder) / "beside.txt"
        beside.write_text("\n".join(more) + "\n")
        files = [str(ROOT / "requirements.txt"), str(ROOT / "requirements-scale.txt"), str(beside)]
        command = [uv, "pip", "compile", "-q", "--no-header", "--no-annotate", "--python-version", python]
        done = subprocess.run(
            [*command, *files, "-c", str(ROOT / "constraints.txt")], capture_output=True, text=True, cwd=folder
        )
    if done.returncode == 0:
        return {name.lower() for name in _PINNED.findall(done.stdout)}
    if any(word in done.stderr.lower() for word in _OFFLINE):
        raise NoIndex(done.stderr.strip().splitlines()[-1])
    raise SystemExit(f"constraints.txt with {', '.join(more) or 'our own packages'} on Python {python}:\n{done.stderr}")


def main() -> None:
    try:
        beside = resolve("3.12", LEROBOT)
        oldest = resolve("3.11.2")
    except NoIndex as error:
        print(f"SKIPPED: whether the pins fit LeRobot was not looked at: {error}")
        return
    pinned = {name.lower() for name in _PINNED.findall((ROOT / "constraints.txt").read_text())}
    if missing := sorted(oldest - pinned):
        raise SystemExit(f"constraints.txt pins no version of {', '.join(missing)} (Python 3.11.2)")
    print(f"The pins fit {LEROBOT} on Python 3.12 ({len(beside)} packages); on 3.11.2 all {len(oldest)} are pinned.")


if __name__ == "__main__":
    main()
