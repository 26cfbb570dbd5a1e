"""Rows of both versions: any Arrow reads them, and whatever happens to a file, all rows before it are read."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from robotdata.capture.records import Row
from robotdata.spool import SpoolError, Take, recover_take
from robotdata.spool import rows as row_files
from robotdata.spool.rows import RowEncoder, StoredRows, columns_of, read_rows, repair_header
from tests.spool.conftest import CAMERAS, FEATURES, row
from tests.support.old_rows import old_rows
from tests.support.sweeps import every

ROWS = 40
COLUMNS = columns_of(FEATURES, list(CAMERAS))


def new_rows(columns: Sequence[row_files.Column], rows: Sequence[Row]) -> list[bytes]:
    encoder = RowEncoder(columns)
    return [encoder.header, *map(encoder.encode, rows), encoder.end()]


@pytest.fixture(params=[new_rows, old_rows], ids=["version 2", "version 1"])
def pieces(request: pytest.FixtureRequest) -> list[bytes]:
    made: list[bytes] = request.param(COLUMNS, [row(tick) for tick in range(ROWS)])
    return made


@pytest.fixture
def path(tmp_path: Path, pieces: list[bytes]) -> Path:
    (tmp_path / "rows.arrow").write_bytes(b"".join(pieces))
    return tmp_path / "rows.arrow"


def ticks(stored: StoredRows) -> list[int]:
    stored.table.validate(full=True)
    return row_files.to_numpy(stored.table.column("tick")).tolist()


def ends_of(pieces: list[bytes]) -> list[int]:
    return np.cumsum([len(piece) for piece in pieces]).tolist()


def test_it_reads_what_was_written(path: Path) -> None:
    stored = read_rows(path)
    assert stored.clean and ticks(stored) == list(range(ROWS))
    assert row_files.to_numpy(stored.table.column("action"))[7].tolist() == [7 + i for i in range(6)]
    assert row_files.to_numpy(stored.table.column("observation.touch"))[3].tolist() == [0, 1]


def test_plain_arrow_reads_the_same_file(path: Path) -> None:
    with pa.ipc.open_stream(path.read_bytes()) as stream:
        assert stream.read_all().equals(read_rows(path).table)


def test_every_dtype_of_a_feature_comes_back(tmp_path: Path) -> None:
    kinds = ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
    features = {f"{kind}.{n}": {"dtype": kind, "shape": [n]} for kind in kinds for n in (1, 3)}
    value = {name: np.arange(each["shape"][0]).astype(each["dtype"]) + 1 for name, each in features.items()}
    path, rows = tmp_path / "rows.arrow", [Row(tick, tick, tick, value, {}) for tick in range(3)]
    path.write_bytes(b"".join(new_rows(columns_of(features, []), rows)))
    table = read_rows(path).table
    assert pa.ipc.open_stream(path.read_bytes()).read_all().equals(table)
    for name, want in value.items():
        got = row_files.to_numpy(table.column(name))[2]
        assert got.dtype == want.dtype and got.reshape(-1).tolist() == want.tolist()


def test_it_ends_at_the_last_whole_row_wherever_the_file_is_torn(path: Path, pieces: list[bytes]) -> None:
    ends = ends_of(pieces)
    for end in [*range(ends[-1], ends[-1] - 40, -3), *range(ends[2], ends[0] - 1, -37)]:
        os.truncate(path, end)
        stored = read_rows(path)
        assert ticks(stored) == list(range(sum(each <= end for each in ends[1:-1])))
        assert stored.clean == (end in ends)


def test_every_bit_of_a_message_counts_head_and_padding_included(tmp_path: Path) -> None:
    pieces = new_rows(COLUMNS, [row(tick) for tick in range(6)])
    ends, whole, path = ends_of(pieces), b"".join(pieces), tmp_path / "rows.arrow"
    for place in range(ends[0], ends[2], every(3)):
        data = bytearray(whole)
        data[place] ^= 1 << place % 8
        path.write_bytes(data)
        assert ticks(read_rows(path)) == list(range(0 if place < ends[1] else 1)), place
    for place in range(0, ends[0], every(3)):
        data = bytearray(whole)
        data[place] ^= 1 << place % 8
        path.write_bytes(data)
        with pytest.raises(SpoolError, match=r"rows\.arrow"):
            read_rows(path)
        assert ticks(read_rows(path, COLUMNS)) == list(range(6)), place
        assert repair_header(path, COLUMNS) and path.read_bytes() == whole


def test_rows_that_are_lost_doubled_moved_or_of_another_take_are_noticed(tmp_path: Path) -> None:
    header, *rows, end = new_rows(COLUMNS, [row(tick) for tick in range(9)])
    stranger = new_rows(COLUMNS, [row(tick + 100) for tick in range(9)])[1:-1]
    path = tmp_path / "rows.arrow"
    for changed in (
        [*rows[:4], *rows[5:]],
        [*rows[:4], rows[3], *rows[4:]],
        [*rows[:4], rows[5], rows[4], *rows[6:]],
        [*rows[:4], *stranger[4:]],
    ):
        path.write_bytes(header + b"".join(changed) + end)
        stored = read_rows(path)
        assert ticks(stored) == [0, 1, 2, 3] and not stored.clean
    path.write_bytes(header + b"".join(rows[1:]))
    assert ticks(read_rows(path)) == []


def test_what_is_read_of_a_damaged_file_is_what_was_written(path: Path, pieces: list[bytes]) -> None:
    """Random bits, pieces cut out, put in, written over: the table is a part of the true one, or an error says why."""
    whole, chance = path.read_bytes(), np.random.default_rng(5)
    true = read_rows(path).table
    for number in range(400):
        at, count = int(chance.integers(len(whole))), int(chance.integers(1, 400))
        bit = bytes([whole[at] ^ (1 << int(chance.integers(8)))]) + whole[at + 1 :]
        path.write_bytes(
            whole[:at] + (bit if number % 2 else chance.bytes(count) + whole[at + int(chance.integers(2)) * count :])
        )
        try:
            table = read_rows(path).table
        except SpoolError:
            assert at < len(pieces[0])
            continue
        table.validate(full=True)
        if table.schema.equals(true.schema):  # the header of version 1 has no checksum: a name may be another one
            kept = min(table.num_rows, sum(end <= at for end in ends_of(pieces)[1:-1]))
            assert table.slice(0, kept).equals(true.slice(0, kept))


def test_old_rows_that_are_written_in_another_way_are_read_one_by_one(tmp_path: Path) -> None:
    rows, path = [row(tick) for tick in range(9)], tmp_path / "rows.arrow"
    path.write_bytes(b"".join(old_rows(COLUMNS, rows, notes={4: b"another hand", 6: b"a third"})))
    assert ticks(read_rows(path)) == list(range(9))


def test_a_header_that_claims_to_be_old_is_not_believed(tmp_path: Path) -> None:
    """Without the checksum of its header a file of version 2 would be read as one of version 1, of no rows."""
    pieces = new_rows(COLUMNS, [row(tick) for tick in range(4)])
    path, old_header = tmp_path / "rows.arrow", old_rows(COLUMNS, [])[0]
    path.write_bytes(old_header + b"".join(pieces[1:]))
    with pytest.raises(SpoolError):
        read_rows(path)


LOOK = """
import json, sys
from pathlib import Path
from robotdata.spool import SpoolError
from robotdata.spool.rows import read_rows
said = {}
for path in map(Path, sys.argv[1:]):
    try:
        said[path.name] = read_rows(path).table.num_rows
    except SpoolError as error:
        said[path.name] = str(error)
print(json.dumps(said))
"""


def test_the_files_that_once_ended_the_process(cases: Path) -> None:
    paths = sorted((cases / "hostile").glob("rows-*.arrow"))
    assert len(paths) >= 4
    done = subprocess.run([sys.executable, "-c", LOOK, *map(str, paths)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["rows-1255.arrow"] == 111, "the bit lies where no value is: all rows have their checksums"
    assert said["rows-1039.arrow"] == 46, "those before the damage"
    assert "rows-320.arrow" in said["rows-320.arrow"] and "rows-417.arrow" in said["rows-417.arrow"]


def test_a_finished_take_with_a_damaged_header_is_read_by_its_manifest(recorded: Path, pieces: list[bytes]) -> None:
    header, *rows, end = pieces
    for damaged in (bytes(len(header)), header.replace(b"action", b"actiom")):
        (recorded / "rows.arrow").write_bytes(damaged + b"".join(rows[:20]) + end)
        with Take.open(recorded) as take:
            assert take.signal("action")[19].tolist() == [19 + i for i in range(6)]


def test_recovery_mends_the_header_of_either_version(killed: Path, pieces: list[bytes], tmp_path: Path) -> None:
    header, *rows, _ = pieces
    for number, damage in enumerate((bytes(len(header)), b"\xff" * 8, header.replace(b"action", b"act\xe9on"))):
        folder = tmp_path / f"{number}"
        shutil.copytree(killed, folder)
        data = damage + header[len(damage) :] + b"".join(rows[:20])
        (folder / "rows.arrow").write_bytes(data)
        assert recover_take(folder).kept_ticks == 20
        assert (folder / "rows.arrow").read_bytes() == header + b"".join(rows[:20])
