"""Split and merge give row for row what LeRobot's own tools give, where there is a LeRobot (`make interop`)."""

from __future__ import annotations

import io
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from robotdata.dataset import DatasetFolder, verify_dataset
from robotdata.dataset.write.transfer import Where, merge, shares, split
from robotdata.video.barcode import read
from tests.dataset.conftest import barcodes

ROOT = Path(__file__).resolve().parents[2]
FRONT, STILL = "observation.images.front", "observation.images.still"
ENVIRONMENTS = {
    "0.6.1": ("ROBOTDATA_NEWEST_VENV", ".venv-lerobot-datasets"),
    "0.4.4": ("ROBOTDATA_INTEROP_VENV", ".venv-interop"),
}


@pytest.fixture(scope="module", params=list(ENVIRONMENTS))
def theirs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two datasets that LeRobot recorded, and what its tools made of them; see bench/interop_edits.py."""
    variable, folder = ENVIRONMENTS[request.param]
    python = Path(os.environ.get(variable) or ROOT / folder) / "bin/python"
    if not python.is_file():
        pytest.skip(f"no LeRobot {request.param} at {python}: `make interop` makes it")
    made = tmp_path_factory.mktemp("lerobot")
    script = str(ROOT / "bench/interop_edits.py")
    done = subprocess.run(
        [python, script, str(made)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-2000:]
    return made


@pytest.fixture(scope="module")
def interop_edits() -> Any:
    """What that script was told to make, read without LeRobot."""
    text = (ROOT / "bench/interop_edits.py").read_text()
    begin, end = text.index("FRONT, STILL"), text.index("PICTURE =")
    values: dict[str, Any] = {}
    exec(text[begin:end], values)
    return values


def where(root: Path) -> Where:
    return Where(root.parent / ".work", root.parent / ".revisions" / root.name)


def rows(root: Path) -> pa.Table:
    """All rows in the order of the files, with the task's text for its number."""
    table = pa.concat_tables(
        [pq.read_table(path) for path in sorted(root.glob("data/*/*.parquet"))], promote_options="permissive"
    )
    tasks = DatasetFolder.open(root).tasks
    texts = [tasks[number] for number in table.column("task_index").to_pylist()]
    return table.drop_columns(["task_index"]).append_column("task", pa.array(texts))


def assert_same(ours: Path, theirs: Path) -> None:
    """Rows, frames, tasks, ranges and the numbers of training agree."""
    mine, other = rows(ours), rows(theirs)
    assert set(mine.column_names) == set(other.column_names)
    for name in mine.column_names:
        assert mine.column(name).to_pylist() == other.column(name).to_pylist(), name
    a, b = DatasetFolder.open(ours), DatasetFolder.open(theirs)
    assert sorted(a.tasks) == sorted(b.tasks)  # LeRobot numbers those of a split in the order of a set
    for x, y in zip(a.episodes, b.episodes, strict=True):
        assert (x.index, x.length, x.tasks, x.from_index, x.to_index) == (
            y.index,
            y.length,
            y.tasks,
            y.from_index,
            y.to_index,
        )
        assert barcodes(a, x.index, FRONT) == barcodes(b, y.index, FRONT)
    for key in ("action", "observation.force", FRONT, STILL):
        for name in ("min", "max", "mean", "std", "count"):
            assert np.allclose(a.stats()[key][name], b.stats()[key][name], atol=1e-6), (key, name)
    for name in ("fps", "robot_type", "total_episodes", "total_frames", "total_tasks", "features"):
        assert a.info[name] == b.info[name] or name == "features" and a.features.keys() == b.features.keys()
    assert verify_dataset(ours).problems == []


def test_parts_by_share_and_by_list(theirs: Path, tmp_path: Path, interop_edits: Any) -> None:
    count = len(interop_edits["LENGTHS"]["one"])
    for folder, lists in (("split", shares(count, interop_edits["SHARES"])), ("listed", interop_edits["LISTS"])):
        parts = {tmp_path / folder / name: numbers for name, numbers in lists.items()}
        split(theirs / "one", parts, {part: where(part) for part in parts})
        for part in parts:
            assert_same(part, theirs / folder / part.name)


def test_a_merge(theirs: Path, tmp_path: Path) -> None:
    merge([theirs / "one", theirs / "two"], tmp_path / "merged", where(tmp_path / "merged"))
    assert_same(tmp_path / "merged", theirs / "merged")
    for number, row in enumerate(rows(tmp_path / "merged").to_pylist()):
        code = read(np.asarray(Image.open(io.BytesIO(row[STILL]["bytes"]))))
        assert (code.episode, code.tick) == (row["episode_index"], row["frame_index"]), number
        assert row["observation.words"] == f"episode {row['episode_index']} tick {row['frame_index']}"


def test_lerobot_loads_what_is_made(theirs: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    variable, folder = ENVIRONMENTS[request.node.callspec.params["theirs"]]
    python = Path(os.environ.get(variable) or ROOT / folder) / "bin/python"
    merge([theirs / "two", theirs / "one"], tmp_path / "merged", where(tmp_path / "merged"))
    split(tmp_path / "merged", {tmp_path / "part": [0, 3, 6]}, {tmp_path / "part": where(tmp_path / "part")})
    for root in ("merged", "part"):
        script = [str(python), str(ROOT / "bench/interop_check.py"), str(tmp_path / root)]
        done = subprocess.run(script, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": ""}, timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr
