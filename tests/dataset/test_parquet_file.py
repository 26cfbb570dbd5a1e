"""New Parquet files: what happens to them when they cannot be written."""

from __future__ import annotations

import errno
import resource
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from robotdata.dataset.tables import ParquetFile, read_table

TABLE = pa.table({"number": np.random.default_rng(1).random(20_000)})


@pytest.fixture
def small_files() -> Iterator[None]:
    """Let this process write no file of more than 50 kB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def open_files() -> set[str]:
    links = Path("/proc/self/fd").iterdir()
    return {str(link.readlink()) for link in links if link.is_symlink()}


@pytest.mark.usefixtures("small_files")
@pytest.mark.parametrize(("rows", "count"), [(20_000, 1), (20_000, 3), (1, 5_000)])
def test_an_error_names_the_file_which_is_then_closed(tmp_path: Path, rows: int, count: int) -> None:
    path = tmp_path / "a.parquet"
    with pytest.raises(OSError, match="a.parquet") as caught, ParquetFile(path, TABLE.schema) as file:
        for _ in range(count):
            file.write(TABLE.slice(0, rows))
    assert caught.value.errno == errno.EFBIG
    assert str(path) not in open_files()


def test_a_file_whose_schema_is_refused_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    with pytest.raises(pa.ArrowException):
        ParquetFile(path, pa.schema([("union", pa.sparse_union([pa.field("a", pa.int8())]))]))
    assert str(path) not in open_files()


def test_it_is_whole_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    with ParquetFile(path, TABLE.schema) as file:
        file.write(TABLE)
        assert 0 < file.size_bytes <= path.stat().st_size + (1 << 18)
    assert read_table(path).equals(TABLE)


def test_columns_that_never_repeat_have_no_dictionary(tmp_path: Path) -> None:
    """A dictionary of as many values as there are rows takes room besides the values."""
    count = np.arange(100)
    lists = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(200, np.float32)), 2).cast(pa.list_(pa.float32(), 2))
    table = pa.table(
        {"index": count, "frame_index": count, "timestamp": count / 30, "task_index": count // 50, "a": lists}
    )
    path = tmp_path / "a.parquet"
    with ParquetFile(path, table.schema) as file:
        file.write(table)
    group = pq.read_metadata(path).row_group(0)
    columns = [group.column(n) for n in range(group.num_columns)]
    with_dictionary = {column.path_in_schema.split(".")[0] for column in columns if column.has_dictionary_page}
    assert with_dictionary == {"task_index", "a"}
    assert read_table(path).equals(table)
