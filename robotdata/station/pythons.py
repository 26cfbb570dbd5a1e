"""Find the environments of this computer that have LeRobot, so that nobody has to type the path of one."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from robotdata.station.protocol import PythonFound

DRIVERS = "drivers"
"""The environment that `robotdata.station.install` makes, beside the rig files."""
_DIST = re.compile(r"lerobot-(\d[\w.+!]*)\.dist-info")
_OURS = re.compile(r"robotdata[_-]lab-[\w.+!]*\.dist-info")
NEEDED = {"av", "cachetools", "numpy", "pillow", "pyarrow", "pydantic", "websockets"}
"""The packages that the core of robotdata needs, by the names of their distributions (requirements-core.txt)."""
_CHECKOUT = Path(__file__).resolve().parents[2]
_MOST_ROOTS = 300
_AT_HOME = ("*", "*/.venv", "*/venv", "*/env", ".virtualenvs/*", ".venvs/*", ".conda/envs/*")
_CONDAS = ("miniforge3", "mambaforge", "miniconda3", "anaconda3", ".pixi")
_SYSTEM = ("/opt/miniforge3", "/opt/miniconda3", "/opt/conda", "/opt/anaconda3")


def find_pythons(rigs: Path, home: Path, environment: Mapping[str, str] | None = None) -> list[PythonFound]:
    """Return the environments with LeRobot, those that can run a rig first, then the newest.

    Looked for beside the folder `rigs`, in `home` and below its folders, and where conda keeps its environments. Only
    the names of files are read; nothing is run.
    """
    environment = os.environ if environment is None else environment
    found: dict[Path, PythonFound] = {}
    for root in islice(_roots(rigs, home, environment), _MOST_ROOTS):
        python = root / "bin/python"
        try:
            version = lerobot_in(root) if python.exists() else None
        except OSError:  # a folder of somebody else's
            continue
        if version is None:
            continue
        own = root.resolve() == Path(sys.prefix).resolve()
        path = "" if own else str(python)
        usable = own or _can_run_rigs(root, environment)
        found.setdefault(root.resolve(), {"path": path, "lerobot": version, "robotdata": usable})
    return sorted(found.values(), key=lambda each: (each["robotdata"], _numbers(each["lerobot"])), reverse=True)


def lerobot_in(root: Path) -> str | None:
    """Return the version of LeRobot in an environment; None if it has none."""
    versions = [match[1] for name in _distributions(root) if (match := _DIST.fullmatch(name))]
    return max(versions, key=_numbers, default=None)


def _can_run_rigs(root: Path, environment: Mapping[str, str]) -> bool:
    """Return whether robotdata is installed there, or comes by PYTHONPATH and finds the packages that it needs."""
    names = list(_distributions(root))
    if any(_OURS.fullmatch(name) for name in names):
        return True
    by_path = str(_CHECKOUT) in environment.get("PYTHONPATH", "").split(os.pathsep)
    return by_path and {name.partition("-")[0].casefold() for name in names} >= NEEDED


def _distributions(root: Path) -> Iterator[str]:
    for packages in root.glob("lib/python3*/site-packages"):
        try:
            yield from [path.name for path in packages.iterdir()]
        except OSError:  # somebody else's folder
            continue


def _roots(rigs: Path, home: Path, environment: Mapping[str, str]) -> Iterator[Path]:
    yield Path(sys.prefix)
    yield rigs.parent / DRIVERS
    yield from (Path(environment[name]) for name in ("VIRTUAL_ENV", "CONDA_PREFIX") if environment.get(name))
    for conda in (*(home / name for name in _CONDAS), *map(Path, _SYSTEM)):
        yield conda
        yield from _folders(conda, "envs/*")
    for pattern in _AT_HOME:
        yield from _folders(home, pattern)


def _folders(folder: Path, pattern: str) -> list[Path]:
    try:
        return sorted(path for path in folder.glob(pattern) if path.is_dir())
    except OSError:
        return []


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
