"""Datasets that come in: a home without datasets, a dataset beside it, and its zip file."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from recorder.actor import Actor
from robotdata.dataset.write.new_episode import NewEpisode
from tests.dataset.conftest import _recorded, staged

__all__ = ["_recorded", "here", "left_over", "sample", "staged", "zip_of"]
OLGA = Actor("olga")


@pytest.fixture
def sample(tmp_path: Path, _recorded: Path, staged: Sequence[NewEpisode]) -> Path:
    """A dataset that lies outside the home."""
    (tmp_path / "outside").mkdir()
    return Path(shutil.copytree(_recorded / "datasets/cubes", tmp_path / "outside/cubes"))


@pytest.fixture
def here(tmp_path: Path, settings: Any, bells: Any, db: None) -> Path:
    """A home without datasets, beside the folder `outside`."""
    for name in ("spool", "datasets", "staging", "state"):
        if name != "datasets":  # the first dataset makes it
            (tmp_path / "home" / name).mkdir(parents=True)
        setattr(settings, f"{name.upper()}_DIR", tmp_path / "home" / name)
    return tmp_path / "home/datasets"


def zip_of(folder: Path, inside: str = "cubes", *, into: Path) -> Path:
    with zipfile.ZipFile(into, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, "/".join(filter(None, [inside, path.relative_to(folder).as_posix()])))
    return into


def left_over(here: Path) -> list[str]:
    """What additions left beside the datasets, apart from their states."""
    kept = {"status.json", "lock", "cancel"}
    return [path.name for path in (here / ".incoming").glob("*/*") if path.name not in kept]
