"""The real LeRobot loads what was converted, and its own converter reads what was written as v2.1."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from robotdata.dataset import DatasetFolder, verify_dataset
from robotdata.dataset.convert.older import convert_to_older
from robotdata.dataset.convert.run import convert_dataset
from tests.dataset.conftest import Bench, _recorded, six, staged
from tests.support import lerobot_forks
from tests.support.old_dataset import LENGTHS, change_rows, write_old
from tests.support.version_1 import write_version_1

__all__ = ["_recorded", "six", "staged"]
ROOT = Path(__file__).resolve().parents[2]


def run(script: str, *arguments: object) -> str:
    python = Path(os.environ.get("ROBOTDATA_INTEROP_VENV") or ROOT / ".venv-interop") / "bin/python"
    python = Path(os.environ.get("ROBOTDATA_INTEROP_PYTHON") or python)
    if not python.exists():
        pytest.skip(f"no LeRobot at {python}: `make interop` makes it")
    command = [str(python), str(ROOT / "bench" / script), *map(str, arguments)]
    done = lerobot_forks.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_lerobot_loads_a_converted_dataset(tmp_path: Path) -> None:
    old = write_old(tmp_path / "cubes")
    change_rows(old, lambda rows: rows.drop_columns(["index", "frame_index"]))
    (old / "meta/episodes_stats.jsonl").unlink()
    convert_dataset(old, tmp_path / "new", work=tmp_path / "work")
    assert f"CONFORMANT: {sum(LENGTHS)} rows of 3 episodes" in run("interop_check.py", tmp_path / "new")


def test_lerobot_loads_a_converted_dataset_of_version_1(tmp_path: Path) -> None:
    old = write_version_1(tmp_path / "cubes", tasks=["push", "lift", "push"])
    convert_dataset(old, tmp_path / "new", work=tmp_path / "work")
    assert f"CONFORMANT: {sum(LENGTHS)} rows of 3 episodes" in run("interop_check.py", tmp_path / "new")


def test_lerobots_converter_reads_what_was_written_as_v21(six: Bench, tmp_path: Path) -> None:
    convert_to_older(six.root, tmp_path / "old", work=tmp_path / "work")
    run("interop_convert.py", tmp_path, "old")
    theirs, base = DatasetFolder.open(tmp_path / "old"), six.open()
    assert verify_dataset(tmp_path / "old").problems == []
    for episode in base.episodes:
        rows = theirs.rows(episode.index)
        assert all(np.array_equal(rows[name], values) for name, values in base.rows(episode.index).items())
        assert theirs.episode(episode.index).tasks == episode.tasks
