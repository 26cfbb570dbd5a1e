"""F38, F41: A file of a dataset is cut short or has one flipped bit: the verifier blames that file."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from robotdata.dataset import DatasetFolder, verify_dataset
from robotdata.dataset.errors import DatasetError
from tests.support.commit_a_batch import commit, encoded_takes

pytestmark = pytest.mark.faults
FILES = [
    "meta/info.json",
    "meta/stats.json",
    "meta/tasks.parquet",
    "meta/episodes/chunk-000/file-000.parquet",
    "data/chunk-000/file-000.parquet",
    "videos/observation.images.front/chunk-000/file-000.mp4",
]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("good")
    takes = encoded_takes(home, (6, 9))
    commit(home, takes)
    assert not verify_dataset(home / "dataset", deep=True).problems
    return home / "dataset"


@pytest.mark.parametrize("name", FILES)
def test_it_blames_the_file_wherever_it_was_cut(good: Path, tmp_path: Path, name: str) -> None:
    size = (good / name).stat().st_size
    for point in sorted({size * part // 20 for part in range(20)} | {size - 1}):
        root = tmp_path / f"cut-{point}"
        shutil.copytree(good, root)
        with (root / name).open("r+b") as file:
            file.truncate(point)
        report = verify_dataset(root, deep=True)
        assert any(Path(name).name in str(problem) for problem in report.problems), (point, report.problems)
        try:
            shown = [info.problems for info in DatasetFolder.open(root).episodes]
        except DatasetError as error:
            assert str(error)
        else:
            assert len(shown) <= 2
        shutil.rmtree(root)


@pytest.mark.parametrize("name", ["data/chunk-000/file-000.parquet", "meta/episodes/chunk-000/file-000.parquet"])
def test_it_notices_one_flipped_bit_that_changes_a_value(good: Path, tmp_path: Path, name: str) -> None:
    chance, noticed, harmless = random.Random(5), 0, 0
    data, table = (good / name).read_bytes(), pq.read_table(good / name)
    root, values = tmp_path / "flipped", table.to_pydict()
    shutil.copytree(good, root)
    for _ in range(60):
        place, bit = chance.randrange(len(data)), chance.randrange(8)
        changed = bytearray(data)
        changed[place] ^= 1 << bit
        (root / name).write_bytes(changed)
        if verify_dataset(root).problems:
            noticed += 1
            continue
        # The footer has no checksum: statistics of columns, names of columns that nobody needs, Arrow's own types.
        read = pq.read_table(root / name).rename_columns(table.column_names)
        assert read.to_pydict() == values, f"bit {bit} of byte {place} changed a value in silence"
        harmless += 1
    assert noticed > 10 and noticed + harmless == 60
