"""F02, F30: a repair is broken at every write, fsync and rename: the dataset is the old one or the repaired one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from robotdata.dataset import DatasetFolder, verify_dataset
from tests.faults.repair_a_dataset import main
from tests.support.commit_a_batch import commit, encoded_takes
from tests.support.each_call import each_call
from tests.support.nth_call import BAD_DISK, KILL, need_strace

pytestmark = pytest.mark.faults
WAYS = [KILL, BAD_DISK]
LENGTHS = [6, 7]


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a dataset of two episodes, whose rows have the times of a clock and no index."""
    need_strace()
    home = tmp_path_factory.mktemp("before")
    takes = encoded_takes(home, LENGTHS)
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


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_it_is_the_old_dataset_or_the_repaired_one(tmp_path: Path, before: Path, call: str, how: str) -> None:
    old = times(before)
    for run, home in each_call("tests.faults.repair_a_dataset", before, tmp_path, call=call, how=how, ways=WAYS):
        is_new = times(home) == [0.0, 0.0]
        assert is_new or times(home) == old
        assert bool(verify_dataset(home / "dataset", deep=True).problems) != is_new
        assert is_new or "repaired" not in run.said
        if run.went_through:
            continue
        main(home)  # the retry
        assert not verify_dataset(home / "dataset").problems and list((home / "work").glob("*")) == []
