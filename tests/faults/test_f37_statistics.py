"""F37: Other code counts the statistics of a dataset on disk again; the command blames a wrong number by its place."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from robotdata.capture.records import Row
from robotdata.dataset import DatasetSpec, NewEpisode, commit_episodes
from robotdata.dataset.write.edit import edit_episodes
from robotdata.spool import Take, TakeWriter
from robotdata.video.jpeg import encode_jpeg
from tests.faults import edit_a_dataset, recount
from tests.support import commit_a_batch, programs
from tests.support.nth_call import ROOT
from tests.support.takes import SIZE, features
from tests.support.warm import Server

pytestmark = pytest.mark.faults
FRONT = "observation.images.front"
SIGNALS = ("action", "observation.state")
COUNTED = (*SIGNALS, "timestamp", "frame_index", "episode_index", "index", "task_index")


def hard_take(spool: Path, ticks: int, *, white: bool = False) -> Path:
    """Pictures that any sum of bytes overflows, and values whose spread is small beside them."""
    chance, folder = np.random.default_rng([ticks, white]), spool / f"{ticks:08}-0000-4000-8000-000000000000"
    about = {FRONT: {"codec": "mjpeg", "width": SIZE[0], "height": SIZE[1]}}
    said = {"rig": "sim", "robot_type": "sim_arm", "fps": 30, "task": f"push {ticks}", "dataset": "cubes"}
    writer = TakeWriter(folder, said, features(("front",)), about)
    for tick in range(ticks):
        now = 5_000_000_000 + round(tick * 1e9 / 30)
        coarse = chance.integers(200, 256, (SIZE[1] // 8, SIZE[0] // 8, 3), dtype=np.uint8)
        picture = (
            np.kron(coarse, np.ones((8, 8, 1), np.uint8)) if not white else np.full((*SIZE[::-1], 3), 255, np.uint8)
        )
        writer.add_frame(FRONT, tick, now, encode_jpeg(picture))
        values = {key: (5e4 + chance.normal(0, 0.5, 6)).astype(np.float32) for key in SIGNALS}
        writer.add_row(Row(tick, now, 1_700_000_000_000_000_000 + now, values, {FRONT: (tick, now)}))
    writer.finish("recorded", end_reason="stop")
    return folder


def pictures_of(folder: Path) -> list[recount.Picture]:
    with Take.open(folder) as take:
        camera = take.camera(FRONT)
        return [recount.jpeg(camera.packet(int(index))) for index in take.frame_index(FRONT)]


def add(server: Server, home: Path, *takes: Path) -> None:
    """A batch of its own, by a process of its own."""
    for take in takes:
        take.rename(home / "spool" / take.name)
        commit_a_batch.encode(home, home / "spool" / take.name)
    done = server.run("tests.support.commit_a_batch", home)
    assert done.said == "committed\n", done.errors
    for take in takes:
        (home / "spool" / take.name).rename(take)


def as_counted(root: Path, pictures: list[list[recount.Picture]]) -> None:
    """Each number of every episode, and of the whole, is what rows and pictures give."""
    rows, said, whole = recount.rows_of(root), recount.stored(root), recount.total(root)
    assert sorted(rows) == sorted(said) == list(range(len(pictures)))
    for key in COUNTED:
        for episode, columns in rows.items():
            assert recount.differ(said[episode][key], recount.of_rows(columns[key])) == [], (key, episode)
        everything = np.concatenate([columns[key] for _, columns in sorted(rows.items())])
        assert recount.differ(whole[key], recount.of_rows(everything)) == [], key
    counted = [recount.of_pictures(each) for each in pictures]
    for episode, one in enumerate(counted):
        assert recount.differ(said[episode][FRONT], one) == [], episode
    assert recount.differ(whole[FRONT], recount.together(counted)) == []


def test_they_are_what_other_code_counts_also_after_an_edit_and_a_further_batch(
    tmp_path: Path, warm_server: Server
) -> None:
    home, root = tmp_path / "home", tmp_path / "home/dataset"
    (home / "spool").mkdir(parents=True)
    first, second, white, long = (hard_take(tmp_path, ticks, white=ticks == 30) for ticks in (6, 9, 30, 105))
    add(warm_server, home, first, second)
    as_counted(root, [pictures_of(first), pictures_of(second)])
    add(warm_server, home, white, long)
    as_counted(root, [pictures_of(each) for each in (first, second, white, long)])
    assert recount.stored(root)[2][FRONT]["mean"].tolist() == [1, 1, 1], "white is white"
    assert recount.stored(root)[3][FRONT]["count"].tolist() == [100]

    done = warm_server.run("tests.faults.edit_a_dataset", home)  # the first one goes, of the second a part is left
    assert done.said == "said\napplied\n", done.errors
    left = video_of(root, 0)
    begin, end = edit_a_dataset.TRIM
    assert len(left) == end - begin
    as_counted(root, [left, pictures_of(white), pictures_of(long)])


def video_of(root: Path, episode: int) -> list[recount.Picture]:
    """What an episode's video shows, which is all that there is of a trimmed one."""
    row = pq.read_table(sorted(root.glob("meta/episodes/*/*.parquet"))).to_pylist()[episode]
    name = f"chunk-{row[f'videos/{FRONT}/chunk_index']:03}/file-{row[f'videos/{FRONT}/file_index']:03}.mp4"
    first = round(row[f"videos/{FRONT}/from_timestamp"] * 30)
    return list(recount.frames(root / "videos" / FRONT / name))[first : first + row["length"]]


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "bool", "int64", "float64"])
def test_numbers_of_every_kind_are_counted_without_overflow(tmp_path: Path, dtype: str) -> None:
    root, chance = tmp_path / "dataset", np.random.default_rng(8)
    most = {"bool": 2, "float64": 2**31}.get(dtype) or min(np.iinfo(dtype).max, 2**31)
    about = {"action": {"dtype": dtype, "shape": [3], "names": None}}
    new = [
        NewEpisode(
            f"00000000-0000-0000-0000-{n:012d}",
            "push",
            {"action": (most - 1 - chance.integers(0, 2, (400, 3))).astype(dtype)},
            400,
            {},
            {},
        )
        for n in range(3)
    ]
    where: dict[str, Any] = {"work": tmp_path / "work", "revisions": tmp_path / "revisions"}
    commit_episodes(root, DatasetSpec(30, "arm", about), new, **where)
    for left in (3, 2):
        rows, said, whole = recount.rows_of(root), recount.stored(root), recount.total(root)
        for episode in range(left):
            assert recount.differ(said[episode]["action"], recount.of_rows(rows[episode]["action"])) == []
        counted = recount.of_rows(np.concatenate([rows[episode]["action"] for episode in range(left)]))
        assert recount.differ(whole["action"], counted) == [] and counted["count"] == [400 * left]
        edit_episodes(root, delete=[1], **where)


def verify(root: Path) -> tuple[int, list[str]]:
    """`manage.py verify`, in a fresh process: its exit code, and whom it blames."""
    done = programs.run(
        [sys.executable, "manage.py", "verify", str(root)],
        cwd=ROOT,
        env={**os.environ, "ROBOTDATA_HOME": str(root.parent / "home")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode in {0, 3} and "Traceback" not in done.stderr, done.stderr
    return done.returncode, [line for line in done.stdout.splitlines()[:-1] if not line.startswith("note: ")]


def test_wrong_numbers_in_a_real_dataset_are_blamed_on_their_file_and_episode(testdata: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(testdata / "v30_g1_inspire", tmp_path / "g1"))
    assert verify(root) == (0, [])
    for path in root.glob("meta/episodes/*/*.parquet"):
        table = pq.read_table(path)
        for name, row, by in (("stats/action/mean", 2, 1e-2), ("stats/observation.state/count", 1, 1)):
            values, at = table.column(name).to_pylist(), table.column_names.index(name)
            values[row] = [values[row][0] + by, *values[row][1:]]
            table = table.set_column(at, table.schema.field(at), pa.array(values, table.schema.field(at).type))
        path.unlink()
        pq.write_table(table, path)
    said = json.loads((root / "meta/stats.json").read_text())
    said["action"]["std"][3] *= 1.5
    (root / "meta/stats.json").write_text(json.dumps(said))
    code, blamed = verify(root)
    assert code == 3 and len(blamed) == 3, blamed
    for words in (
        "meta/episodes, episode 1: statistics of observation.state",
        "meta/episodes, episode 2: statistics of action",
        "meta/stats.json: statistics of action",
    ):
        assert any(line.startswith(words) for line in blamed), (words, blamed)
