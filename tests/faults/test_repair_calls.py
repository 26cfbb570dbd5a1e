"""F02, F30: a repair is broken at every write, fsync and rename: the dataset is the old one or the repaired one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from robotdata.dataset import DatasetFolder, verify_dataset
from tests.faults.repair_a_dataset import main
from tests.support.commit_a_batch import CAMERAS, commit, encode
from tests.support.nth_call import BAD_DISK, KILL, need_strace, run_broken
from tests.support.takes import make_take

pytestmark = pytest.mark.faults
STEP = {"rename": 1, "fsync": 6, "write": 11}  # the suite's stride; ROBOTDATA_EVERY_CALL=1 breaks each one
LENGTHS = [6, 7]


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a dataset of two episodes, whose rows have the times of a clock and no index."""
    need_strace()
    home = tmp_path_factory.mktemp("before")
    takes = [make_take(home / "spool", ticks, episode=ticks, cameras=CAMERAS) for ticks in LENGTHS]
    for take in takes:
        encode(home, take)
    commit(home, takes)
    for path in (home / "dataset").glob("data/*/*.parquet"):
        table = pq.read_table(path).drop_columns(["index"])
        at = table.column_names.index("timestamp")
        clock = pa.array(np.linspace(3, 9, table.num_rows), pa.float32())
        path.unlink()
        pq.write_table(table.set_column(at, table.schema.field(at), clock), path)
    return home


def times(home: Path) -> list[float]:
    """The first time of each episode, as it is stored."""
    dataset = DatasetFolder.open(home / "dataset")
    assert [episode.length for episode in dataset.episodes] == LENGTHS
    return [float(dataset.rows(n)["timestamp"][0]) for n in range(len(LENGTHS))]


@pytest.mark.parametrize("how", [KILL, BAD_DISK])
@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_it_is_the_old_dataset_or_the_repaired_one(tmp_path: Path, before: Path, call: str, how: str) -> None:
    broken, step = 0, 1 if os.environ.get("ROBOTDATA_EVERY_CALL") else STEP[call]
    old = times(before)
    for n in range(1, 600, step):
        home = tmp_path / f"{n}"
        shutil.copytree(before, home)
        run = run_broken("tests.faults.repair_a_dataset", home, call=call, how=how, n=n)
        is_new = times(home) == [0.0, 0.0]
        assert is_new or times(home) == old
        assert bool(verify_dataset(home / "dataset", deep=True).problems) != is_new
        assert is_new or "repaired" not in run.said
        if run.code == 0 and "INJECTED" not in run.errors:
            break
        broken += 1
        main(home)  # the retry
        assert not verify_dataset(home / "dataset").problems and list((home / "work").glob("*")) == []
        shutil.rmtree(home)
    assert broken, "no call was broken: this test saw nothing"
