"""Both actions of a tick in the rows of a take: the one that was sent, and the one that the teleoperator requested."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pyarrow as pa
import pytest

from robotdata.spool import BadManifest, SpoolError, Take, read_manifest, recover_take
from robotdata.spool.rows import RowEncoder, columns_of, columns_of_take, read_rows
from tests.spool.conftest import CAMERAS, FEATURES, begin, row, write

SENT_ROWS = [[i + t for i in range(6)] for t in range(20)]
REQUESTED_ROWS = [[i + t + 100 for i in range(6)] for t in range(20)]


@pytest.fixture
def both(tmp_path: Path) -> Path:
    """A take of 20 ticks with both actions, whose recorder died."""
    writer = begin(tmp_path, recorded_action="requested")
    write(writer, 20)
    writer.close()
    return writer.folder


def damage_header(folder: Path) -> None:
    with (folder / "rows.arrow").open("r+b") as file:
        file.write(bytes(64))


def set_in_manifest(folder: Path, **values: object) -> None:
    manifest = json.loads((folder / "take.json").read_text()) | values
    (folder / "take.json").write_text(json.dumps(manifest))


def test_a_take_gives_back_both(both: Path) -> None:
    recover_take(both)
    with Take.open(both) as take:
        assert take.recorded_action == "requested"
        assert [take.action_column(which) for which in ("sent", "requested")] == ["action", "action/requested"]
        assert take.signal("action").tolist() == SENT_ROWS
        assert take.signal("action/requested").tolist() == REQUESTED_ROWS
    with pa.ipc.open_stream((both / "rows.arrow").read_bytes()) as stream:
        assert stream.read_all().column("action/requested").to_pylist() == REQUESTED_ROWS


def test_a_take_from_before_holds_the_sent_one_only(recorded: Path) -> None:
    with Take.open(recorded) as take:
        assert take.recorded_action == "sent"
        assert [take.action_column(which) for which in ("sent", "requested", "other")] == ["action", None, None]
        assert "action/requested" not in take.rows.column_names


def test_a_row_without_the_requested_one_is_refused(tmp_path: Path) -> None:
    writer = begin(tmp_path, recorded_action="sent")
    one = row(0)
    del one.values["action/requested"]  # type: ignore[attr-defined]
    with pytest.raises(SpoolError, match="'action/requested'"):
        writer.add_row(one)
    writer.close()


def test_the_row_grows_by_one_action() -> None:
    sizes = [
        len(RowEncoder(columns_of(FEATURES, list(CAMERAS), both_actions=both)).encode(row(0))) for both in (False, True)
    ]
    assert sizes[1] - sizes[0] < 120, "24 bytes of values, and what Arrow needs to say where they are"


@pytest.mark.parametrize("cut", [1, 30, 500, 3000])
def test_torn_rows_recover_up_to_the_last_whole_one(both: Path, cut: int) -> None:
    path = both / "rows.arrow"
    whole = path.read_bytes()
    os.truncate(path, len(whole) - cut)
    result = recover_take(both)
    assert 0 < result.kept_ticks < 20
    lost = both / "rows.arrow.lost"
    assert path.read_bytes() + (lost.read_bytes() if lost.exists() else b"") == whole[: len(whole) - cut]
    with Take.open(both) as take:
        assert take.signal("action/requested").tolist() == REQUESTED_ROWS[: result.kept_ticks]
        assert take.signal("action").tolist() == SENT_ROWS[: result.kept_ticks]


def test_every_bit_of_the_requested_action_counts(both: Path) -> None:
    path = both / "rows.arrow"
    whole = path.read_bytes()
    stored = read_rows(path)
    value = row(7).values["action/requested"].tobytes()  # type: ignore[union-attr]
    at = whole.index(value, stored.ends[7])
    for place in range(at, at + len(value)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert read_rows(path).table.num_rows == 7


def test_a_damaged_header_is_mended_from_the_manifest(both: Path) -> None:
    whole = (both / "rows.arrow").read_bytes()
    damage_header(both)
    assert recover_take(both).kept_ticks == 20
    assert (both / "rows.arrow").read_bytes() == whole
    with Take.open(both) as take:
        assert take.signal("action/requested").tolist() == REQUESTED_ROWS


def test_an_unfinished_take_whose_manifest_is_odd_there_is_left_as_it_is(both: Path) -> None:
    set_in_manifest(both, recorded_action=5)
    assert [str(field) for field in read_manifest(both).odd] == ["recorded_action must be sent or requested, but is 5"]
    damage_header(both)
    before = (both / "rows.arrow").read_bytes()
    with pytest.raises(BadManifest, match="recorded_action must be sent or requested"):
        recover_take(both)
    assert (both / "rows.arrow").read_bytes() == before


def test_a_finished_take_whose_manifest_is_odd_there_keeps_both(both: Path) -> None:
    recover_take(both)
    set_in_manifest(both, recorded_action=["sent"])
    with Take.open(both) as take:
        assert (take.recorded_action, take.action_column("requested")) == ("sent", "action/requested")


def test_the_columns_follow_the_manifest() -> None:
    manifest = {"features": FEATURES, "cameras": CAMERAS}
    assert columns_of_take(manifest) == columns_of(FEATURES, list(CAMERAS))
    names = [column.name for column in columns_of_take(manifest | {"recorded_action": "sent"})]
    assert names[3:5] == ["action", "action/requested"] and len(names) == len(columns_of_take(manifest)) + 1
    without = {"features": {"observation.state": FEATURES["observation.state"]}, "cameras": {}}
    assert columns_of_take(without | {"recorded_action": "sent"}) == columns_of_take(without)
