"""The sizes in a Parquet footer, read without Arrow: they are Arrow's own, and no damage does more than raise."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from robotdata.dataset.errors import DamagedFile
from robotdata.dataset.footer import BadFooter, parse, read_footer
from robotdata.dataset.tables import read_table

TABLE = pa.table(
    {
        "number": np.arange(300.0),
        "text": [f"step {n // 9}" for n in range(300)],
        "list": pa.array([[float(n)] * (n % 4) for n in range(300)], pa.list_(pa.float32())),
        "vector": pa.array([[n, n + 1] for n in range(300)], pa.list_(pa.int16(), 2)),
        "struct": [{"a": n, "b": None if n % 3 else "x"} for n in range(300)],
    }
)


def footer_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return read_footer(file.fileno())


def written(path: Path, **options: object) -> Path:
    pq.write_table(TABLE, path, **options)
    return path


@pytest.mark.parametrize(
    "options",
    [{}, {"row_group_size": 7}, {"compression": "zstd", "use_dictionary": False}, {"write_statistics": False}],
)
def test_it_reads_what_arrow_reads(tmp_path: Path, options: dict[str, object]) -> None:
    path = written(tmp_path / "a.parquet", **options)
    metadata = pq.ParquetFile(path).metadata
    groups = [metadata.row_group(n) for n in range(metadata.num_row_groups)]
    columns = range(metadata.num_columns)
    expected = [[(g.column(c).num_values, g.column(c).total_uncompressed_size) for c in columns] for g in groups]
    assert [[(each.values, each.unpacked_bytes) for each in group] for group in parse(footer_of(path))] == expected


def test_a_flipped_bit_in_the_footer_ends_no_process(tmp_path: Path) -> None:
    path = written(tmp_path / "a.parquet", row_group_size=60)
    data, start = path.read_bytes(), path.stat().st_size - 8 - len(footer_of(path))
    chance = random.Random(7)
    for _ in range(400):
        changed = bytearray(data)
        changed[chance.randrange(start, len(data))] ^= 1 << chance.randrange(8)
        path.write_bytes(changed)
        try:
            read_table(path)
        except DamagedFile as error:
            assert path.name in str(error)


def test_a_footer_that_is_cut_or_made_up_is_refused(tmp_path: Path) -> None:
    whole = footer_of(written(tmp_path / "a.parquet"))
    chance = random.Random(3)
    for end in range(0, len(whole) - 1, 5):
        with pytest.raises(BadFooter):
            parse(whole[:end])
    for _ in range(300):
        try:
            parse(chance.randbytes(200))
        except BadFooter:
            continue


def test_a_file_with_two_columns_of_one_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["action", "action"]), path)
    with pytest.raises(DamagedFile, match="action"):
        read_table(path, ["action"])
