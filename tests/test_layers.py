"""The order of the rooms, held: imports point up the path of the data, and only up."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = [
    "files",
    "video",
    "lerobot_compat",
    "capture",
    "spool",
    "dataset",
    "export",
    "imports",
    "quality",
    "rig",
    "station",
]
ROOMS += ["devices"]
DATASET = ["dataset.verify", "dataset.write", "dataset.convert", "dataset.repair", "dataset.exchange"]
DATASET += ["dataset.hub", "dataset.storage"]
INNER = {"video": ["video.depth"], "dataset": DATASET}
ORDER = [f"robotdata.{each}" for room in ROOMS for each in (room, *INNER.get(room, []))] + ["recorder", "viewer"]
FRONTS = {"robotdata.dataset": "robotdata.dataset.write", "robotdata.video": "robotdata.lerobot_compat"}
"""What these packages' `__init__` lends to others, it may import from as far up as this room."""
RECORDER_ROOMS = [
    ("errors", "actor", "text", "alone", "task_text", "manual"),
    ("models",),
    ("jobs", "quality", "browse"),
    ("catalog",),
    ("review", "worker", "live"),
    ("templatetags",),
    ("api", "views"),
    ("management",),
]
"""The rooms inside `recorder`, by floor: a room imports from lower floors and from itself; the ground is one room."""

RECORDER_GLUE = {"apps", "admin", "urls", "migrations"}
"""Django looks for these by name; they see every room."""

ONLY_IN = {
    "av": {"robotdata.video", "robotdata.video.depth", "robotdata.lerobot_compat"},
    "pyarrow": {
        "robotdata.spool",
        "robotdata.dataset",
        "robotdata.dataset.verify",
        "robotdata.dataset.write",
        "robotdata.dataset.convert",
        "robotdata.dataset.repair",
        "robotdata.export",
        "robotdata.lerobot_compat",
    },
    "lerobot": {"robotdata.devices"},
    "draccus": {"robotdata.devices"},
    "huggingface_hub": {"robotdata.dataset.hub"},
    "botocore": {"robotdata.dataset.storage"},
}
FRAMEWORKS = ("django", "celery", "channels", "ninja")


def sources() -> list[Path]:
    return [path for top in ("robotdata", "recorder", "viewer") for path in sorted((ROOT / top).rglob("*.py"))]


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def imports_of(path: Path) -> list[str]:
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
    return found


def room_of(module: str) -> str | None:
    """The innermost room that holds `module`."""
    return next((room for room in reversed(ORDER) if module == room or module.startswith(room + ".")), None)


def wrong_arrows(path: Path) -> Iterator[str]:
    here = room_of(module_of(path))
    if here is None:  # Django's glue on top
        return
    here = FRONTS.get(module_of(path), here)
    for name in imports_of(path):
        there = room_of(name)
        if there is not None and ORDER.index(there) > ORDER.index(here):
            yield f"{module_of(path)} imports {name}"


def test_every_module_imports_only_rooms_before_its_own() -> None:
    assert len(sources()) > 250
    assert [found for path in sources() for found in wrong_arrows(path)] == []


PLUG_INS, THEIRS = "robotdata.devices", ("robotdata.files", "robotdata.video", "robotdata.capture")
"""The registry loads these drivers by name, so no module imports them; they know the rooms that cameras are made of."""


def of_plug_ins(path: Path) -> Iterator[str]:
    here = module_of(path)
    inside = here.startswith(PLUG_INS)
    for name in imports_of(path):
        strange = not name.startswith((PLUG_INS, *THEIRS)) if inside else name.startswith(PLUG_INS)
        if strange and (room_of(name) or name.startswith(PLUG_INS)):
            yield f"{here} imports {name}"


def test_drivers_with_packages_of_their_own_are_loaded_by_the_registry_alone() -> None:
    assert [found for path in sources() for found in of_plug_ins(path)] == []


def floor_of(room: str) -> int:
    return next(number for number, rooms in enumerate(RECORDER_ROOMS) if room in rooms)


def wrong_arrows_inside(path: Path) -> Iterator[str]:
    """Imports of one room of `recorder` from a floor that is not below it."""
    here = module_of(path).split(".")[1:2]
    if not here or here[0] in RECORDER_GLUE:
        return
    for name in imports_of(path):
        there = name.split(".")[1:2] if name.startswith("recorder.") else []
        if not there or there == here:
            continue
        if there[0] in RECORDER_GLUE or floor_of(there[0]) > floor_of(here[0]):
            yield f"{module_of(path)} imports {name}"
        elif floor_of(there[0]) == floor_of(here[0]) > 0:
            yield f"{module_of(path)} imports {name}, a room on the same floor"


def test_rooms_inside_recorder_import_only_from_lower_floors() -> None:
    modules = [path for path in sources() if path.is_relative_to(ROOT / "recorder")]
    assert len(modules) > 90
    assert [found for path in modules for found in wrong_arrows_inside(path)] == []


def strays(path: Path) -> Iterator[str]:
    here = room_of(module_of(path)) or "robotdata"
    for name in imports_of(path):
        allowed = ONLY_IN.get(name.split(".")[0])
        if allowed is not None and here not in allowed:
            yield f"{module_of(path)} imports {name}"


def test_codecs_and_columns_stay_in_their_rooms() -> None:
    assert [found for path in sources() for found in strays(path)] == []


@pytest.mark.parametrize("room", ROOMS)
def test_it_starts_without_a_framework(room: str) -> None:
    code = (
        f"import sys, pkgutil, importlib, robotdata.{room} as room\n"
        "for m in pkgutil.walk_packages(room.__path__, room.__name__ + '.'):\n"
        "    if not m.name.endswith('__main__'): importlib.import_module(m.name)\n"
        f"bad = [m for m in sys.modules if m.split('.')[0] in {FRAMEWORKS!r}]\n"
        "assert not bad, bad\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_it_keeps_the_package_itself_empty() -> None:
    assert (ROOT / "robotdata/__init__.py").read_text().strip() == ""


def borrowed(path: Path) -> Iterator[str]:
    """Imports of test modules and benchmarks, those of programs that a test writes as text included."""
    for name in re.findall(r"^\s*(?:from|import)\s+([\w.]+)", path.read_text(), re.MULTILINE):
        if name.split(".")[0] == "bench" or any(part.startswith("test_") for part in name.split(".")):
            yield f"{path.relative_to(ROOT)} imports {name}"


def test_no_test_module_and_no_benchmark_is_imported_by_a_test() -> None:
    """What tests share lies in tests/support, in a conftest, or in a program beside them."""
    paths = sorted((ROOT / "tests").rglob("*.py"))
    assert len(paths) > 200
    assert [found for path in paths for found in borrowed(path)] == []
