"""LeRobot 0.6.1 reads what a change of time or pictures makes, and gives the same rows where it has that change."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from robotdata.dataset import DatasetFolder, verify_dataset
from robotdata.dataset.write.cut import cut_out
from robotdata.dataset.write.pictures import pictures_to_videos, videos_to_pictures
from robotdata.dataset.write.reencode import Aside, reencode_cameras
from robotdata.dataset.write.reorder import reorder_episodes
from robotdata.dataset.write.retime import drop_frames
from robotdata.dataset.write.transfer import Where
from robotdata.video.codecs import EncodeSettings
from tests.support import lerobot_forks

ROOT = Path(__file__).resolve().parents[2]
PYTHON = Path(os.environ.get("ROBOTDATA_NEWEST_VENV") or ROOT / ".venv-lerobot-datasets") / "bin/python"
FRONT, STILL = "observation.images.front", "observation.images.still"
LENGTHS = (5, 9, 4, 7, 6)
SMALL = EncodeSettings(codec="h264", preset="ultrafast", crf=20)


def lerobot(*words: str) -> str:
    done = lerobot_forks.run(
        [PYTHON, str(ROOT / "bench/interop_shapes.py"), *words],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What LeRobot recorded and converted."""
    if not PYTHON.is_file():
        pytest.skip(f"no LeRobot 0.6.1 at {PYTHON}: `make interop` makes it")
    folder = tmp_path_factory.mktemp("lerobot")
    lerobot("make", str(folder))
    return folder


def rows_of(root: Path) -> pa.Table:
    return pa.concat_tables(pq.read_table(path) for path in sorted((root / "data").rglob("*.parquet")))


def test_images_become_the_videos_that_lerobot_makes(made: Path, tmp_path: Path) -> None:
    ours, theirs = tmp_path / "stills", made / "converted"
    shutil.copytree(made / "stills", ours)
    where = Where(tmp_path / "work", tmp_path / "revisions")
    pictures_to_videos(ours, [STILL], EncodeSettings(), Aside(tmp_path / "encoded"), where)
    rows, expected = rows_of(ours), rows_of(theirs)
    assert set(rows.column_names) == set(expected.column_names)
    assert rows.select(expected.column_names).to_pydict() == expected.to_pydict()
    mine, other = DatasetFolder.open(ours), DatasetFolder.open(theirs)
    for one, two in zip(mine.episodes, other.episodes, strict=True):
        assert (one.length, one.from_index) == (two.length, two.from_index)
        assert one.tasks  # which LeRobot's conversion leaves out of its table of episodes
        assert one.videos[STILL].first_frame == two.videos[STILL].first_frame
    info, stated = mine.features[STILL]["info"], other.features[STILL]["info"]
    assert {name: info[name] for name in stated if name in info} == stated
    assert mine.features[STILL]["dtype"] == other.features[STILL]["dtype"] == "video"


def test_lerobot_reads_every_change(made: Path, tmp_path: Path) -> None:
    changes: dict[str, Any] = {
        "reordered": lambda root, where: reorder_episodes(root, [4, 2, 0, 1, 3], where),
        "cut": lambda root, where: cut_out(root, {1: (2, 6)}, where),
        "encoded": lambda root, where: reencode_cameras(root, [FRONT], SMALL, Aside(tmp_path / "a"), where),
        "dropped": lambda root, where: drop_frames(root, 3, SMALL, Aside(tmp_path / "b"), where),
        "stills": lambda root, where: videos_to_pictures(root, [FRONT], where),
        "videos": lambda root, where: pictures_to_videos(root, [STILL], SMALL, Aside(tmp_path / "c"), where),
    }
    whole = {n: list(range(length)) for n, length in enumerate(LENGTHS)}
    expected: dict[str, list[tuple[int, list[int]]]] = {
        "reordered": [(n, whole[n]) for n in (4, 2, 0, 1, 3)],
        "cut": [(0, whole[0]), (1, [0, 1]), (1, [6, 7, 8]), *((n, whole[n]) for n in (2, 3, 4))],
        **dict.fromkeys(("encoded", "stills", "videos"), list(whole.items())),
        "dropped": [(n, ticks[::3]) for n, ticks in whole.items()],
    }
    for name, change in changes.items():
        root = tmp_path / name
        shutil.copytree(made / "one", root)
        change(root, Where(tmp_path / "work", tmp_path / f"{name}-revisions"))
        assert verify_dataset(root, deep=True).problems == []
    told = [json.loads(line) for line in lerobot("read", *(str(tmp_path / name) for name in changes)).splitlines()]
    assert [each["name"] for each in told] == list(changes)
    for each in told:
        frames, fps = each["frames"], 10 if each["name"] == "dropped" else 30
        places = [
            (e, f, n, tick) for e, (n, ticks) in enumerate(expected[each["name"]]) for f, tick in enumerate(ticks)
        ]
        assert [(f["episode_index"], f["frame_index"], *f["codes"][FRONT]) for f in frames] == places
        assert [f["codes"][STILL] for f in frames] == [f["codes"][FRONT] for f in frames]
        assert [f["index"] for f in frames] == list(range(len(frames)))
        assert all(abs(f["timestamp"] - f["frame_index"] / fps) < 1e-4 for f in frames)
        assert {f["task"] for f in frames if f["codes"][FRONT][0] == 1} == {"räume auf"}
