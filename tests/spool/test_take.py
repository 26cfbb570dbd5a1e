from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from robotdata.spool import NoTake, SpoolError, Take, TornPacket, TornRows, update_curation
from robotdata.spool.index import seal_record
from tests.spool.conftest import CAMERAS, FRONT, TOP, begin, packet, row, time_ns


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_it_gives_back_every_number_and_every_frame(recorded: Path) -> None:
    with Take.open(recorded) as take:
        assert (take.id, take.ticks, take.cameras) == (recorded.name, 20, [FRONT, TOP])
        assert take.signal("action").tolist() == [[i + t for i in range(6)] for t in range(20)]
        assert take.signal("action").dtype == np.float32
        assert take.column("observation.force").tolist() == [t / 8 for t in range(20)]
        assert take.signal("observation.force").shape == (20, 1)
        assert take.signal("observation.touch").tolist() == [[t % 2 == 0, 1] for t in range(20)]
        assert take.column("monotonic_ns").tolist() == [time_ns(t) for t in range(20)]
        camera = take.camera(TOP)
        assert camera.seq.tolist() == list(range(20))
        assert camera.captured_ns.tolist() == [time_ns(t) - 1_000 for t in range(20)]
        assert [camera.packet(i) for i in range(camera.count)] == [packet(t) for t in range(20)]
        assert (camera.width, camera.height, camera.codec) == (64, 48, "mjpeg")


def test_it_says_which_frame_the_loop_had_at_each_tick(tmp_path: Path) -> None:
    writer = begin(tmp_path)
    writer.add_row(row(0, frame=-1))
    for seq in (4, 5, 7):  # 6 was dropped on its way to the disk
        writer.add_frame(FRONT, seq, time_ns(seq), packet(seq))
    for tick, seq in enumerate((4, 5, 6, 7, 7), start=1):
        writer.add_row(row(tick, frame=seq))
    writer.finish()
    with Take.open(writer.folder) as take:
        assert take.frame_index(FRONT).tolist() == [-1, 0, 1, 1, 2, 2]
        assert take.frame_index(TOP).tolist() == [-1] * 6


def test_it_puts_frames_in_their_order_whatever_the_index_says(recorded: Path) -> None:
    path = recorded / f"{FRONT}.idx"
    data = path.read_bytes()
    path.write_bytes(data[36:72] + data[:36] + data[72:])
    with Take.open(recorded) as take:
        camera = take.camera(FRONT)
        assert [camera.packet(i) for i in range(20)] == [packet(t) for t in range(20)]


@pytest.mark.parametrize("offset", [2**64 - 1, 2**63, 10**12])
def test_it_leaves_out_a_record_that_points_behind_its_file(recorded: Path, offset: int) -> None:
    path = recorded / f"{FRONT}.idx"
    data = path.read_bytes()
    path.write_bytes(data[:36] + seal_record(1, 1, offset, 675, 7) + data[72:])
    with Take.open(recorded) as take:
        camera = take.camera(FRONT)
        assert [camera.packet(i) for i in range(camera.count)] == [packet(t) for t in range(20) if t != 1]


def test_it_serves_many_threads_at_once(recorded: Path) -> None:
    with Take.open(recorded) as take, ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda i: take.camera(FRONT).packet(i % 20), range(400)))
    assert got == [packet(i % 20) for i in range(400)]


def test_it_names_the_frame_whose_bytes_were_altered(recorded: Path) -> None:
    with Take.open(recorded) as take:
        offset = take.camera(FRONT).packet(7) and int(take.camera(FRONT)._records[7]["offset"])
    with (recorded / f"{FRONT}.mkv").open("r+b") as file:
        file.seek(offset + 100)
        file.write(b"\xa5")
    with Take.open(recorded) as take:
        assert take.camera(FRONT).packet(6) == packet(6)
        with pytest.raises(TornPacket, match="frame 7 is damaged"):
            take.camera(FRONT).packet(7)


def test_it_notices_a_flipped_bit_in_the_rows(recorded: Path) -> None:
    path = recorded / "rows.arrow"
    data = bytearray(path.read_bytes())
    at = data.index(np.float32(5 + 9).tobytes() + b"", data.index(np.arange(9, 14, dtype=np.float32).tobytes()))
    data[at] ^= 1
    path.write_bytes(data)
    with pytest.raises(TornRows, match="after row 9"):
        _ = Take.open(recorded).rows


def test_it_refuses_a_frame_that_is_not_there(recorded: Path) -> None:
    with Take.open(recorded) as take, pytest.raises(IndexError, match=r"frame 20 is outside \[0, 20\)"):
        take.camera(FRONT).packet(20)


def test_it_says_that_a_folder_is_no_take(tmp_path: Path) -> None:
    with pytest.raises(NoTake, match=r"no take\.json"):
        Take.open(tmp_path)


def test_it_leaves_no_file_open(recorded: Path) -> None:
    before = open_files()
    with Take.open(recorded) as take:
        for key in CAMERAS:
            take.camera(key).packet(0)
        _ = take.rows
    assert open_files() == before


def test_rows_of_another_take_are_refused_by_the_columns_name(recorded: Path) -> None:
    manifest = json.loads((recorded / "take.json").read_text())
    manifest["features"]["gripper"] = {"dtype": "float32", "shape": [1], "names": None}
    (recorded / "take.json").write_text(json.dumps(manifest))
    with pytest.raises(SpoolError, match="gripper"):
        _ = Take.open(recorded).rows


def test_what_is_no_file_is_said_and_never_in_the_way(recorded: Path) -> None:
    (recorded / ".lock").unlink()
    (recorded / ".lock").symlink_to("..")
    assert update_curation(recorded, rating=4)["curation"]["rating"] == 4
    (recorded / ".lock").unlink()
    (recorded / ".lock").mkdir()
    assert update_curation(recorded, rating=5)["curation"]["rating"] == 5
    (recorded / "rows.arrow").unlink()
    (recorded / "rows.arrow").mkdir()
    with pytest.raises(SpoolError, match=r"rows\.arrow"):
        _ = Take.open(recorded).rows
