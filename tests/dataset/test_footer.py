"""The sizes in a Parquet footer, read without Arrow: they are Arrow's own, and no damage does more than raise."""

from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from robotdata.dataset.errors import DamagedFile
from robotdata.dataset.footer import BadFooter, parse, read_footer
from robotdata.dataset.footer_patterns import COLUMN, REST_OF_GROUP
from robotdata.dataset.tables import read_table
from tests.support.thrift import varint, zigzag

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
    assert found_in(footer_of(path)) == expected
    chunks = [g.column(c) for g in groups for c in columns]
    sizes = parse(footer_of(path))
    assert sizes.packed_bytes.tolist() == [chunk.total_compressed_size for chunk in chunks]
    assert sizes.begins.tolist() == [chunk.dictionary_page_offset or chunk.data_page_offset for chunk in chunks]


def test_the_quick_way_through_a_footer_finds_what_reading_step_by_step_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, chance = footer_of(written(tmp_path / "a.parquet", row_group_size=40)), random.Random(11)
    footers = [whole, *(damaged(whole, chance) for _ in range(500))]
    quick = [found_in(footer) for footer in footers]
    monkeypatch.setattr("robotdata.dataset.footer.COLUMN", re.compile(b"(?!)"))
    monkeypatch.setattr("robotdata.dataset.footer.REST_OF_GROUP", re.compile(b"(?!)"))
    assert quick == [found_in(footer) for footer in footers]
    refused = quick.count(None)
    assert 50 < refused < 450


def test_the_quick_way_is_the_way_of_our_own_files(tmp_path: Path) -> None:
    footer = footer_of(written(tmp_path / "a.parquet", row_group_size=60))
    assert len(COLUMN.findall(footer)) == 5 * 6


def test_numbers_that_no_sum_can_hold_do_not_slip_through_the_bounds(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["x"] * 8, "other": ["y"] * 8}), path, compression="none")
    footer = footer_of(path)
    sizes = [found.span(2) for found in COLUMN.finditer(footer)]
    for begin, end in reversed(sizes):  # 2**62 values in each column: four times that is 0 in 64 bits
        footer = footer[:begin] + varint(2 << 62) + footer[end:]
    replaced(path, footer)
    with pytest.raises(DamagedFile):
        read_table(path)


@pytest.mark.parametrize("how", ["by its number", "by many fields", "by a shorter number"])
def test_a_size_that_only_arrow_sees_is_refused(tmp_path: Path, how: str) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"number": np.zeros(100_000)}), path)
    footer = footer_of(path)
    (found,) = COLUMN.finditer(footer)
    values, unpacked = footer[found.start(2) : found.end(2)], footer[found.start(3) : found.end(3)]
    large, small = b"\x06%b" + values, b"\x16\x02"
    # Field numbers have 16 bits: for Arrow, 65536 + 5 is 5, the number of values.
    sizes = {
        "by its number": small * 2 + large % zigzag(65541) + b"\x06" + zigzag(6) + unpacked,
        "by many fields": small * 2 + b"\xf1" * 4368 + b"\xf6" + values + b"\x16" + unpacked,
        "by a shorter number": b"\x16" + values + b"\x16" + unpacked + b"\x05\x0a\x02\x05\x0c\x02",
    }[how]
    replaced(path, footer[: found.start(2) - 1] + sizes + footer[found.end(3) :])
    column = pq.ParquetFile(path).metadata.row_group(0).column(0)
    assert (column.num_values, found_in(footer_of(path))) == (100_000, None)
    with pytest.raises(DamagedFile):
        read_table(path)


def test_a_file_with_more_rows_than_its_footer_counts_values_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"number": np.zeros(20_000)}), path)
    footer = footer_of(path)
    (found,) = COLUMN.finditer(footer)
    replaced(path, footer[: found.start(2)] + zigzag(10) + footer[found.end(2) :])
    assert pq.read_table(path).num_rows == 20_000
    with pytest.raises(DamagedFile, match="more rows than"):
        read_table(path)


def test_a_group_of_many_fields_is_gone_through_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    footer = footer_of(written(tmp_path / "a.parquet"))
    tried = []

    class Counted:
        def match(self, data: bytes, at: int) -> re.Match[bytes] | None:
            tried.append(at)
            return REST_OF_GROUP.match(data, at)

    monkeypatch.setattr("robotdata.dataset.footer.REST_OF_GROUP", Counted())
    (*_, last) = COLUMN.finditer(footer)
    odd_end = b"\x11" * 2_000 + b"\x01" + zigzag(3_000)
    assert found_in(footer[: last.end()] + odd_end + footer[last.end() :]) is not None
    assert len(tried) == 1


def replaced(path: Path, footer: bytes) -> None:
    """Give a file another footer."""
    data, before = path.read_bytes(), len(footer_of(path))
    path.write_bytes(data[: len(data) - 8 - before] + footer + len(footer).to_bytes(4, "little") + b"PAR1")


def found_in(footer: bytes) -> list[list[tuple[int, int]]] | None:
    """Return (values, bytes) of each column of each row group; None if the footer is refused."""
    try:
        sizes = parse(footer)
    except BadFooter:
        return None
    both = iter(zip(sizes.values.tolist(), sizes.unpacked_bytes.tolist(), strict=True))
    return [[next(both) for _ in range(count)] for count in sizes.columns.tolist()]


def damaged(footer: bytes, chance: random.Random) -> bytes:
    changed = bytearray(footer)
    for _ in range(chance.randrange(1, 4)):
        changed[chance.randrange(len(changed))] = chance.choice((chance.randrange(256), 0, 0x16, 0x19, 0x1C, 0xFF))
    return bytes(changed)


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
