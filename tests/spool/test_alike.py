"""Rows read many at once are what Arrow reads one by one, whatever happened to the file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from robotdata.capture.records import Row
from robotdata.spool import rows as row_files
from robotdata.spool.rows import RowEncoder, StoredRows, columns_of, read_rows
from tests.spool.conftest import CAMERAS, FEATURES, row

ROWS = 40


def one_by_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> StoredRows:
    with monkeypatch.context() as patch:
        patch.setattr(row_files, "layout_of", lambda *_: None)
        return read_rows(path)


def check(path: Path, monkeypatch: pytest.MonkeyPatch) -> StoredRows:
    quick, slow = read_rows(path), one_by_one(path, monkeypatch)
    assert (quick.ends, quick.clean) == (slow.ends, slow.clean)
    assert quick.table.equals(slow.table)
    quick.table.validate(full=True)
    return quick


@pytest.fixture
def path(tmp_path: Path) -> Path:
    encoder = RowEncoder(columns_of(FEATURES, list(CAMERAS)))
    data = encoder.header + b"".join(encoder.encode(row(tick)) for tick in range(ROWS)) + encoder.end()
    (tmp_path / "rows.arrow").write_bytes(data)
    return tmp_path / "rows.arrow"


def test_it_reads_what_was_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = check(path, monkeypatch)
    assert stored.clean
    assert row_files.to_numpy(stored.table.column("tick")).tolist() == list(range(ROWS))
    assert row_files.to_numpy(stored.table.column("action"))[7].tolist() == [7 + i for i in range(6)]
    assert row_files.to_numpy(stored.table.column("observation.touch"))[3].tolist() == [0, 1]


def test_it_ends_at_the_last_whole_row_wherever_the_file_is_torn(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = path.stat().st_size
    first, second = (end for end in read_rows(path).ends[:2])
    for end in [*range(size, size - 40, -3), *range(second + 2 * (second - first), first, -37)]:
        os.truncate(path, end)
        assert check(path, monkeypatch).table.num_rows == max(0, min(ROWS, (end - first) // (second - first)))


def test_it_ends_before_any_altered_value_or_checksum(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, ends = path.read_bytes(), read_rows(path).ends
    chance = np.random.default_rng(5)
    for _ in range(300):
        data = bytearray(whole)
        at = int(chance.integers(ends[0], len(data)))
        data[at] ^= 1 << int(chance.integers(8))
        path.write_bytes(data)
        check(path, monkeypatch)
    # In the middle of the values of row 11, always found.
    data = bytearray(whole)
    data[data.index(np.arange(11, 17, dtype=np.float32).tobytes(), ends[11])] ^= 1
    path.write_bytes(data)
    assert check(path, monkeypatch).table.num_rows == 11


def test_it_never_trips_over_a_piece_that_is_not_of_this_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = path.read_bytes()
    ends = read_rows(path).ends
    chance = np.random.default_rng(6)
    for _ in range(100):
        at, count = int(chance.integers(ends[0], len(whole))), int(chance.integers(1, 400))
        path.write_bytes(whole[:at] + chance.bytes(count) + whole[at + int(chance.integers(2)) * count :])
        check(path, monkeypatch)


def test_it_goes_on_one_by_one_where_rows_are_written_in_another_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow as pa

    columns = columns_of({}, [])
    encoder, path = RowEncoder(columns), tmp_path / "rows.arrow"
    data = encoder.header + b"".join(encoder.encode(Row(tick, tick, tick, {}, {})) for tick in range(6))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, encoder.schema) as stream:
        import zlib

        values = np.array([6, 6, 6], np.int64)
        batch = pa.RecordBatch.from_arrays([pa.array(values[:1])] * 3, schema=encoder.schema)
        crc = b"%08x" % zlib.crc32(values.tobytes())
        stream.write_batch(batch, custom_metadata={b"note": b"another hand", b"crc32": crc})
    other = sink.getvalue().to_pybytes()[len(encoder.header) :]
    path.write_bytes(data + other)
    assert check(path, monkeypatch).table.column("tick").to_pylist() == list(range(7))
