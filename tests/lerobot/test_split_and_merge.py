"""Split, merge and features give row for row what LeRobot's own tools give, where there is one (`make interop`)."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from robotdata.dataset import DatasetFolder, verify_dataset
from robotdata.dataset.layout import SIDECAR
from robotdata.dataset.write.change_run import change_features
from robotdata.dataset.write.feature_change import Added, Constant, FeatureChange, FromColumn, FromLabels
from robotdata.dataset.write.transfer import Where, duplicate, merge, shares, split
from robotdata.video.barcode import read
from tests.dataset.conftest import barcodes
from tests.support import lerobot_forks

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
    done = lerobot_forks.run(
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


def changed(theirs: Path, root: Path, what: FeatureChange) -> Path:
    """A duplicate of LeRobot's first dataset, changed. Its features are as LeRobot writes them."""
    duplicate(theirs / "one", root, where(root))
    change_features(root, what, work=where(root).work, revisions=where(root).revisions)
    return root


def assert_same_features(ours: Path, theirs: Path) -> None:
    """The rows, their types, and what info.json says of them agree."""
    mine, other = rows(ours), rows(theirs)
    assert mine.to_pydict() == other.to_pydict()
    a, b = DatasetFolder.open(ours), DatasetFolder.open(theirs)
    assert list(a.features) == list(b.features)
    for key, feature in b.features.items():
        assert {name: a.features[key][name] for name in ("dtype", "shape")} == {
            name: feature[name] for name in ("dtype", "shape")
        }
        if key in mine.column_names:
            assert mine.schema.field(key).type == other.schema.field(key).type, key
    for key in b.stats():  # LeRobot counts nothing of what it adds
        for name in ("min", "max", "mean", "std", "count"):
            assert np.allclose(a.stats()[key][name], b.stats()[key][name], atol=1e-6), (key, name)
    assert (a.info["video_path"] is None) == (b.info["video_path"] is None)
    for x, y in zip(a.episodes, b.episodes, strict=True):
        assert (x.length, x.tasks, sorted(x.videos)) == (y.length, y.tasks, sorted(y.videos))
        for key in a.video_keys:
            assert barcodes(a, x.index, key) == barcodes(b, y.index, key)
    assert verify_dataset(ours).problems == []


def test_features_go(theirs: Path, tmp_path: Path, interop_edits: Any) -> None:
    for name, keys in interop_edits["REMOVED"].items():
        assert_same_features(changed(theirs, tmp_path / name, FeatureChange(remove=keys)), theirs / name)


def test_features_come(theirs: Path, tmp_path: Path, interop_edits: Any, request: pytest.FixtureRequest) -> None:
    root = tmp_path / "added"
    duplicate(theirs / "one", root, where(root))
    path = root / SIDECAR
    sidecar = json.loads(path.read_text())
    for number, entry in enumerate(sidecar["episodes"]):
        entry["labels"] = ["success" if number in interop_edits["SUCCEEDED"] else "failure"]
    path.write_text(json.dumps(sidecar))
    what = FeatureChange(
        add=[
            Added("next.success", FromLabels({"success": True, "failure": False}, "last")),
            Added("action.first", FromColumn("action", (0, 2))),
            Added("weight", Constant(2.5)),
        ]
    )
    change_features(root, what, work=where(root).work, revisions=where(root).revisions)
    assert_same_features(root, theirs / "added")
    change_features(
        root, FeatureChange(rename={FRONT: f"{FRONT}.again"}), work=where(root).work, revisions=where(root).revisions
    )
    load(root, request.node.callspec.params["theirs"])


def test_statistics_are_counted_again(theirs: Path, tmp_path: Path) -> None:
    if not (theirs / "recounted").is_dir():
        pytest.skip("this LeRobot does not compute statistics again")
    root = tmp_path / "recounted"
    duplicate(theirs / "one", root, where(root))
    (root / "meta/stats.json").write_text("{}")
    change_features(root, FeatureChange(statistics="numbers"), work=where(root).work, revisions=where(root).revisions)
    ours, other = DatasetFolder.open(root).stats(), DatasetFolder.open(theirs / "recounted").stats()
    for key in ("action", "observation.force"):
        assert ours[key].keys() == other[key].keys()
        for name in ("min", "max", "mean", "std", "count"):  # quantiles of the whole follow a rule of their own
            assert np.allclose(ours[key][name], other[key][name], atol=1e-6), (key, name)


def load(root: Path, version: str) -> None:
    """LeRobot loads the dataset and gives all its frames."""
    variable, folder = ENVIRONMENTS[version]
    python = Path(os.environ.get(variable) or ROOT / folder) / "bin/python"
    script = [str(python), str(ROOT / "bench/interop_check.py"), str(root)]
    done = lerobot_forks.run(script, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": ""}, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr


def test_lerobot_loads_what_is_made(theirs: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    merge([theirs / "two", theirs / "one"], tmp_path / "merged", where(tmp_path / "merged"))
    split(tmp_path / "merged", {tmp_path / "part": [0, 3, 6]}, {tmp_path / "part": where(tmp_path / "part")})
    for root in ("merged", "part"):
        load(tmp_path / root, request.node.callspec.params["theirs"])
