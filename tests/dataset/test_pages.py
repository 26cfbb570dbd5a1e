"""Files of a few hundred bytes whose pages claim what their footers do not: they are refused before Arrow believes."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from robotdata.dataset import pages
from robotdata.dataset.bounds import read_bounded
from robotdata.dataset.errors import DamagedFile
from robotdata.dataset.tables import open_parquet, read_table
from tests.support.thrift import FALSE, I32, I64, STRUCT, Struct, read_struct, varint, write_struct, zigzag

MANY = 100_000_000
NUMBERS = pa.table({"x": pa.array([[1.0], [2.0]], pa.list_(pa.float32()))})
WORDS = pa.table({"x": pa.array([["a"], ["b"]], pa.list_(pa.string()))})
TEXTS = pa.table({"x": ["a", "b"]})
PLAIN = {"compression": "none", "use_dictionary": False}
V2 = {**PLAIN, "data_page_version": "2.0"}
READ = """
import re, sys
from pathlib import Path
import pyarrow
from robotdata.dataset.errors import DamagedFile
from robotdata.dataset.tables import read_table
def most():
    status = Path("/proc/self/status").read_text()
    return [int(re.search(rf"{key}:\\s+(\\d+)", status)[1]) // 1024 for key in ("VmHWM", "VmPeak")]
pyarrow.set_memory_pool(pyarrow.system_memory_pool())  # others reserve a gigabyte at once
before = most()
try:
    print("read", read_table(Path(sys.argv[1])).num_rows)
except DamagedFile:
    print("refused", *(now - then for now, then in zip(most(), before)))
"""
Change = Callable[[Struct, bytes], tuple[Struct, bytes]]


def runs(count: int, value: int) -> bytes:
    """Return a run of one value, as levels and indices have it."""
    return varint(count << 1) + bytes([value])


def sized(levels: bytes) -> bytes:
    return len(levels).to_bytes(4, "little") + levels


def header(of: Struct) -> Struct:
    """Return the header of a page's own kind."""
    found: Struct = of[next(number for number in (5, 7, 8) if number in of)][1]
    return found


def is_data(of: Struct) -> bool:
    return of[1][1] != 2


def one_long_list(of: Struct, content: bytes) -> tuple[Struct, bytes]:
    """Claim a list of many empty elements."""
    if is_data(of):
        header(of)[1] = (I32, MANY)
        content = sized(runs(1, 0) + runs(MANY - 1, 1)) + sized(runs(MANY, 2))
        of[2] = (I32, len(content))
    return of, content


def one_long_list_v2(of: Struct, content: bytes) -> tuple[Struct, bytes]:
    repeated, defined = runs(1, 0) + runs(MANY - 1, 1), runs(MANY, 2)
    header(of).update({1: (I32, MANY), 2: (I32, MANY), 5: (I32, len(defined)), 6: (I32, len(repeated))})
    header(of)[7] = (FALSE, None)
    of[2] = (I32, len(repeated + defined))
    return of, repeated + defined


def one_long_list_of_indices(of: Struct, content: bytes) -> tuple[Struct, bytes]:
    if is_data(of):
        header(of)[1] = (I32, MANY)
        content = sized(runs(1, 0) + runs(MANY - 1, 1)) + sized(runs(MANY, 3)) + b"\1" + runs(MANY, 0)
        of[2] = (I32, len(content))
    return of, content


def large_dictionary(of: Struct, content: bytes) -> tuple[Struct, bytes]:
    if not is_data(of):
        header(of)[1] = (I32, MANY)
    return of, content


def large_page(of: Struct, content: bytes) -> tuple[Struct, bytes]:
    of[2] = (I32, 2_000_000_000)
    return of, content


def other_size(of: Struct, content: bytes) -> tuple[Struct, bytes]:
    """Claim a size by a number of 33 bits, of which Arrow reads 32."""
    of[2] = (I32, (1 << 32) + 2_000_000_000)
    return of, content


def zeros(codec: str) -> Change:
    def change(of: Struct, content: bytes) -> tuple[Struct, bytes]:
        """Compress many zeros."""
        if is_data(of):
            return of, content
        of[2] = (I32, 200 << 20)
        return of, pa.compress(bytes(200 << 20), codec, asbytes=True)

    return change


def many_lengths(times: int) -> Change:
    def change(of: Struct, content: bytes) -> tuple[Struct, bytes]:
        """Claim more lengths of texts than there are values."""
        lengths = varint(1 << 28) + varint(4) + varint(1 << 28) + zigzag(0) + zigzag(0) + bytes(4)
        content = sized(runs(2, 1)) + lengths * times
        of[2] = (I32, len(content))
        return of, content

    return change


def lengths(encoding: str) -> dict[str, Any]:
    return {**PLAIN, "column_encoding": {"x": encoding}}


ATTACKS: dict[str, tuple[pa.Table, dict[str, Any], Change]] = {
    "list": (NUMBERS, PLAIN, one_long_list),
    "list, version 2": (NUMBERS, V2, one_long_list_v2),
    "list of indices": (NUMBERS, {"compression": "none"}, one_long_list_of_indices),
    "list of texts": (WORDS, {"compression": "none"}, one_long_list_of_indices),
    "dictionary": (TEXTS, {"compression": "none"}, large_dictionary),
    "size, snappy": (TEXTS, {}, large_page),
    "size, zstd": (TEXTS, {"compression": "zstd"}, large_page),
    "size, version 2": (TEXTS, {"data_page_version": "2.0"}, large_page),
    "size of more than 32 bits": (TEXTS, {}, other_size),
    "zeros, gzip": (TEXTS, {"compression": "gzip"}, zeros("gzip")),
    "zeros, zstd": (TEXTS, {"compression": "zstd"}, zeros("zstd")),
    "zeros, zstd, numbers": (pa.table({"x": [1.0, 2.0]}), {"compression": "zstd"}, zeros("zstd")),
    "lengths of texts": (TEXTS, lengths("DELTA_LENGTH_BYTE_ARRAY"), many_lengths(1)),
    "beginnings of texts": (TEXTS, lengths("DELTA_BYTE_ARRAY"), many_lengths(2)),
}


def changed(path: Path, table: pa.Table, options: dict[str, Any], change: Change) -> Path:
    """Write a table of one column and change each of its pages; the footer fits the pages' new length."""
    pq.write_table(table, path, **options)
    data = path.read_bytes()
    length = int.from_bytes(data[-8:-4], "little")
    footer, _ = read_struct(data[-8 - length : -8])
    column = footer[4][1][1][0][1][1][1][0][3][1]
    begin = at = column.get(11, column[9])[1]
    end, out, first = at + column[7][1], b"", None
    while at < end:
        of, at = read_struct(data, at)
        size = of[3][1]
        of, content = change(of, data[at : at + size])
        at += size
        of[3] = (I32, len(content))
        of.pop(4, None)  # the checksum
        first = len(out) if is_data(of) and first is None else first
        out += write_struct(of) + content
    column[7], column[9] = (I64, len(out)), (I64, begin + (first or 0))
    tail = write_struct(footer)
    path.write_bytes(data[:begin] + out + tail + len(tail).to_bytes(4, "little") + b"PAR1")
    return path


@pytest.mark.parametrize("name", ATTACKS)
def test_a_page_that_claims_more_than_its_footer_takes_no_memory(tmp_path: Path, name: str) -> None:
    path = changed(tmp_path / "a.parquet", *ATTACKS[name])
    assert path.stat().st_size < 300_000
    run = subprocess.run(
        [sys.executable, "-c", READ, str(path)], capture_output=True, text=True, preexec_fn=spare, check=False
    )
    word, *megabytes = run.stdout.split()
    assert word == "refused", run.stdout + run.stderr
    resident, reserved = map(int, megabytes)
    assert resident < 40 and reserved < 200


def spare() -> None:
    """Spare the machine what a file takes that is not refused."""
    resource.setrlimit(resource.RLIMIT_DATA, (6 << 30, 6 << 30))


def test_what_is_changed_into_itself_is_read(tmp_path: Path) -> None:
    for number, (table, options, _) in enumerate(ATTACKS.values()):
        path = changed(tmp_path / f"{number}.parquet", table, options, lambda of, content: (of, content))
        assert read_table(path).equals(table)


def test_one_row_that_repeats_a_long_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    texts = pa.DictionaryArray.from_arrays(pa.array(np.zeros(200_000, np.int32)), pa.array(["x" * 100_000]))
    row = pa.ListArray.from_arrays(pa.array([0, len(texts)], pa.int32()), texts)
    pq.write_table(pa.table({"x": row}), path, store_schema=False)
    with pytest.raises(DamagedFile, match="texts expand"):
        read_table(path)


@pytest.mark.parametrize("options", [{}, {"compression": "zstd", "data_page_version": "2.0"}, {"data_page_size": 900}])
@pytest.mark.parametrize("encoding", ["", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"])
def test_a_file_of_many_pages_and_groups_is_read(tmp_path: Path, options: dict[str, Any], encoding: str) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table(
        {
            "text": [None if n % 7 == 0 else f"step {n}" * (n % 5) for n in range(5_000)],
            "list": pa.array([[float(n)] * (n % 4) for n in range(5_000)], pa.list_(pa.float32())),
            "words": [[f"{n % 9}" * 40] * (n % 3) for n in range(5_000)],
        }
    )
    more = {"use_dictionary": ["words.list.element"], "column_encoding": {"text": encoding}} if encoding else {}
    pq.write_table(table, path, row_group_size=700, **options, **more)
    assert read_table(path).equals(table)


def test_an_endless_row_of_empty_pages_is_not_gone_through(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(TEXTS, path, **PLAIN)
    data = path.read_bytes()
    length = int.from_bytes(data[-8:-4], "little")
    of, _ = read_struct(data, 4)
    header(of)[1], of[2], of[3] = (I32, 0), (I32, 0), (I32, 0)
    empty = write_struct(of) * 1_000
    footer, _ = read_struct(data[-8 - length : -8])
    footer[4][1][1][0][1][1][1][0][3][1][7] = (I64, len(data) - length - 12 + len(empty))
    tail = write_struct(footer)
    path.write_bytes(data[:4] + empty + data[4 : -8 - length] + tail + len(tail).to_bytes(4, "little") + b"PAR1")
    with pytest.raises(DamagedFile, match="numbers of values"):
        read_table(path)


def test_pages_are_counted_once_for_an_open_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(NUMBERS, path)
    counted = []
    count = pages.PageReader.unpacked_bytes
    monkeypatch.setattr(pages.PageReader, "unpacked_bytes", lambda *of: counted.append(of) or count(*of))
    with open_parquet(path) as file:
        for _ in range(3):
            assert read_bounded(file, path, ["x"], [0]).num_rows == 2
    assert len(counted) == 1


def test_a_header_that_is_damaged_anywhere_is_refused_or_read(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"x": [[f"{n}"] * (n % 3) for n in range(50)]}), path, write_page_checksum=False)
    data = path.read_bytes()
    length = int.from_bytes(data[-8:-4], "little")
    for at in range(4, len(data) - length - 8):
        for bit in (0, 3, 7):
            path.write_bytes(data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :])
            try:
                read_table(path)
            except DamagedFile as error:
                assert path.name in str(error)
            except UnicodeDecodeError:
                continue


def test_an_unusual_header_reads_as_a_usual_one(monkeypatch: pytest.MonkeyPatch) -> None:
    own: Struct = {1: (I32, 70), 2: (I32, 0), 3: (I32, 3), 4: (I32, 3)}
    usual = write_struct({1: (I32, 0), 2: (I32, 900), 3: (I32, 300), 5: (STRUCT, own)})
    quick = pages._parse(usual, 0)
    monkeypatch.setattr(pages, "DATA_PAGE", pages.DICTIONARY_PAGE)
    assert quick == pages._parse(usual, 0)
    assert (quick[0].unpacked_bytes, quick[0].packed_bytes, quick[0].values) == (900, 300, 70)
