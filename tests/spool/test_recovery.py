from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from robotdata.spool import SpoolError, Take, TakeBusy, read_manifest, recover_take, recovery
from robotdata.spool.index import RECORD
from robotdata.spool.rows import read_rows
from robotdata.video.packets import read_packets
from tests.spool.conftest import CAMERAS, FRONT, TOP, begin, packet, write

HEAD = 35
"""Bytes of a packet's own head, before its payload."""


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"}


def frames_of(folder: Path, key: str) -> list[int]:
    with Take.open(folder) as take:
        camera = take.camera(key)
        assert [camera.packet(i) for i in range(camera.count)] == [packet(int(seq)) for seq in camera.seq]
        return camera.seq.tolist()


def test_it_keeps_every_whole_frame_of_a_killed_take(killed: Path) -> None:
    result = recover_take(killed)
    assert (result.kept_ticks, result.lost_ticks) == (20, 0)
    assert result.frames == dict.fromkeys(CAMERAS, 20)
    assert result.text == "interrupted, 20 frames recovered"
    manifest = read_manifest(killed)
    assert (manifest["state"], manifest["ticks"]) == ("interrupted", 20)
    assert manifest["rate_hz"] == pytest.approx(30, abs=1e-3)
    with Take.open(killed) as take:
        assert take.signal("action")[19].tolist() == [19 + i for i in range(6)]


def test_it_leaves_a_finished_take_alone(recorded: Path) -> None:
    before = bytes_of(recorded)
    assert not recover_take(recorded).changed
    assert bytes_of(recorded) == before


def test_it_never_touches_a_live_take(tmp_path: Path) -> None:
    writer = begin(tmp_path)
    write(writer, 3)
    with pytest.raises(TakeBusy):
        recover_take(writer.folder)
    writer.finish()
    assert read_manifest(writer.folder)["state"] == "recorded"


@pytest.mark.parametrize("cut", [1, 40, 300, 4096])
def test_it_cuts_a_torn_tail_and_puts_the_rest_aside(killed: Path, cut: int) -> None:
    for name in (f"{FRONT}.mkv", "rows.arrow", f"{TOP}.idx"):
        os.truncate(killed / name, max(0, (killed / name).stat().st_size - cut))
    before = bytes_of(killed)
    result = recover_take(killed)
    assert result.kept_ticks >= 20 - 2 - cut // 300
    for name in (f"{FRONT}.mkv", "rows.arrow"):
        lost = killed / f"{name}.lost"
        assert (killed / name).read_bytes() + (lost.read_bytes() if lost.exists() else b"") == before[name]
    with Take.open(killed) as take:
        assert take.rows.num_rows == take.ticks == result.kept_ticks
        assert take.frame_index(FRONT).tolist() == list(range(take.ticks))
    assert frames_of(killed, TOP) == list(range(20))


def test_it_says_how_much_was_lost(killed: Path) -> None:
    whole = list(read_packets(killed / f"{FRONT}.mkv"))
    os.truncate(killed / f"{FRONT}.mkv", whole[16].offset)
    result = recover_take(killed)
    assert (result.kept_ticks, result.lost_ticks) == (16, 4)
    assert result.text.startswith("interrupted, 16 frames recovered, 4 lost at the end")


def test_it_goes_on_after_a_hole(killed: Path) -> None:
    whole = list(read_packets(killed / f"{FRONT}.mkv"))
    with (killed / f"{FRONT}.mkv").open("r+b") as file:
        file.seek(whole[8].offset + 20)
        file.write(bytes(64))
    with (killed / f"{TOP}.idx").open("r+b") as file:
        file.seek(5 * RECORD.size)
        file.write(bytes(2 * RECORD.size))
    result = recover_take(killed)
    assert result.kept_ticks == 20
    assert result.lost_frames == {FRONT: 1, TOP: 0}
    assert "damaged frames: front 1" in result.text
    assert frames_of(killed, FRONT) == [seq for seq in range(20) if seq != 8]
    assert frames_of(killed, TOP) == list(range(20))  # found again by the packets themselves


def test_it_rebuilds_an_index_that_is_gone(killed: Path) -> None:
    before = (killed / f"{FRONT}.idx").read_bytes()
    (killed / f"{FRONT}.idx").unlink()
    recover_take(killed)
    assert (killed / f"{FRONT}.idx").read_bytes() == before


def test_it_ends_the_same_when_it_is_killed_and_run_again(
    killed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.truncate(killed / "rows.arrow", (killed / "rows.arrow").stat().st_size - 9)
    os.truncate(killed / f"{FRONT}.mkv", (killed / f"{FRONT}.mkv").stat().st_size - 9)
    with (killed / f"{TOP}.idx").open("r+b") as file:
        file.write(bytes(8))
    torn = bytes_of(killed)

    class Killed(BaseException):
        pass

    def run(steps: int) -> bool:
        """Recover, dying at the n-th change to the disk; says whether it came through."""
        left = [steps]

        def counted(real):  # type: ignore[no-untyped-def]
            def call(*args, **kwargs):  # type: ignore[no-untyped-def]
                if left[0] == 0:
                    raise Killed
                left[0] -= 1
                return real(*args, **kwargs)

            return call

        with monkeypatch.context() as patch:
            patch.setattr(recovery, "replace_bytes", counted(recovery.replace_bytes))
            patch.setattr(recovery, "replace_json", counted(recovery.replace_json))
            patch.setattr(recovery, "_cut", counted(recovery._cut))
            patch.setattr(recovery.manifests, "write_manifest", counted(recovery.manifests.write_manifest))
            patch.setattr(Path, "replace", counted(Path.replace))
            patch.setattr(Path, "unlink", counted(Path.unlink))
            try:
                recover_take(killed)
            except Killed:
                return False
        return True

    outcomes, n = [], 0
    while True:
        for path in killed.iterdir():
            path.unlink()
        for name, data in torn.items():
            (killed / name).write_bytes(data)
        through = run(n)
        recover_take(killed)
        outcomes.append({name: data for name, data in bytes_of(killed).items() if not name.endswith(".tmp")})
        if through:
            break
        n += 1
    assert n > 6
    assert all(outcome == outcomes[-1] for outcome in outcomes)
    assert recover_take(killed).lost_ticks > 0


def test_it_keeps_the_frames_where_no_row_is_left(killed: Path) -> None:
    (killed / "rows.arrow").write_bytes(b"")
    result = recover_take(killed)
    assert (result.kept_ticks, result.frames[FRONT]) == (0, 20)
    assert Take.open(killed).rows.num_rows == 0
    assert frames_of(killed, FRONT) == list(range(20))


def test_it_mends_the_header_of_the_rows(killed: Path) -> None:
    with (killed / "rows.arrow").open("r+b") as file:
        file.write(bytes(300))
    assert recover_take(killed).kept_ticks == 20
    assert Take.open(killed).signal("action")[19].tolist() == [19 + i for i in range(6)]


def test_it_never_trips_over_random_damage(tmp_path: Path) -> None:
    chance = np.random.default_rng(4)
    for _ in range(12):
        writer = begin(tmp_path)
        write(writer, 6)
        writer.close()
        for path in (*writer.folder.glob("*.mkv"), *writer.folder.glob("*.idx"), writer.folder / "rows.arrow"):
            data = bytearray(path.read_bytes())
            at, count = int(chance.integers(len(data))), int(chance.integers(1, 200))
            data[at : at + count] = chance.bytes(count)
            path.write_bytes(data[: int(chance.integers(len(data) // 2, len(data) + 1))])
        result = recover_take(writer.folder)
        with Take.open(writer.folder) as take:
            assert take.rows.num_rows == result.kept_ticks
            for key in CAMERAS:
                for index in range(take.camera(key).count):
                    take.camera(key).packet(index)


@pytest.mark.parametrize("kept", [0, 3, 40])
def test_it_writes_a_video_header_anew_that_a_power_cut_has_lost(killed: Path, kept: int) -> None:
    path = killed / f"{FRONT}.mkv"
    whole = path.read_bytes()
    header = next(iter(read_packets(path))).offset - HEAD
    path.write_bytes(whole[:kept] + bytes(header - kept) + whole[header:])
    recover_take(killed)
    assert frames_of(killed, FRONT) == list(range(20))
    assert path.read_bytes() == whole


def test_it_recovers_a_take_whose_video_is_zeros_only(killed: Path) -> None:
    path = killed / f"{FRONT}.mkv"
    path.write_bytes(bytes(path.stat().st_size))
    (killed / f"{FRONT}.idx").write_bytes(b"")
    result = recover_take(killed)
    assert (result.kept_ticks, result.frames[FRONT], result.frames[TOP]) == (20, 0, 20)


def test_a_frame_that_neither_rows_nor_index_know_is_never_shown_earlier_than_it_was(killed: Path) -> None:
    """A power cut has kept rows 0 to 4 and frames 8 to 19, and nothing else."""
    stored = read_rows(killed / "rows.arrow")
    os.truncate(killed / "rows.arrow", stored.ends[5])
    (killed / f"{FRONT}.idx").write_bytes(b"")
    path = killed / f"{FRONT}.mkv"
    whole, packets = path.read_bytes(), list(read_packets(path))
    first, eighth = packets[0].offset - HEAD, packets[8].offset - HEAD
    path.write_bytes(whole[:first] + bytes(eighth - first) + whole[eighth:])
    assert recover_take(killed).frames[FRONT] == 12
    with Take.open(killed) as take:
        assert (take.ticks, take.frame_index(FRONT).tolist()) == (5, [-1] * 5)


def test_it_recovers_a_take_whose_files_have_no_names_any_more(killed: Path) -> None:
    for name in ("rows.arrow", f"{FRONT}.mkv"):
        (killed / name).unlink()
    result = recover_take(killed)
    assert (result.kept_ticks, result.frames) == (0, {FRONT: 0, TOP: 20})
    with Take.open(killed) as take:
        assert (take.ticks, take.camera(FRONT).count, len(take.frame_index(TOP))) == (0, 0, 0)


@pytest.mark.parametrize("name", ["rows.arrow", f"{FRONT}.mkv", f"{FRONT}.idx"])
@pytest.mark.parametrize("there", [True, False])
def test_it_writes_nothing_into_what_a_link_leads_to(killed: Path, tmp_path: Path, name: str, there: bool) -> None:
    target = tmp_path / "somebody's letter"
    if there:
        target.write_bytes(b"Dear Olga, " * 1000)
    (killed / name).unlink()
    (killed / name).symlink_to(target)
    before = target.read_bytes() if there else None
    with pytest.raises((OSError, SpoolError), match="link"):
        recover_take(killed)
    assert (target.read_bytes() if target.exists() else None) == before
    assert (killed / name).is_symlink() and read_manifest(killed)["state"] == "recording"


def test_it_writes_its_plan_over_no_link(killed: Path, tmp_path: Path) -> None:
    target = tmp_path / "somebody's letter"
    target.write_bytes(b"{}")
    names = [".recovery.json", f".take.json.{os.getpid()}.tmp", f".{recovery.PLAN}.{os.getpid()}.tmp"]
    for name in names:
        (killed / name).symlink_to(target)
    assert recover_take(killed).kept_ticks == 20
    assert target.read_bytes() == b"{}"


def test_it_leaves_a_plan_of_a_newer_program_alone(killed: Path) -> None:
    (killed / recovery.PLAN).write_text('{"version": 2, "cuts": {}}')
    before = bytes_of(killed)
    with pytest.raises(SpoolError, match=r"version 2.*up to 1"):
        recover_take(killed)
    assert bytes_of(killed) == before
