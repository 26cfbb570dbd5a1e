from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable

import pytest

from robotdata.rig import recorder
from robotdata.spool import Take
from robotdata.video import packets
from tests.rig.conftest import FRONT, Bench, until


def test_it_ends_the_take_cleanly_when_the_disk_is_full(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.do("record")
    bench.ticks(20)  # some of which wait to be written

    def full(fd: int, parts: list[bytes]) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(packets, "append_all", full)
        until(lambda: bench.machine.take is None, 1.0)
        bench.idle()
    manifest = bench.ended()[0]
    assert (manifest["state"], manifest["end_reason"]) == ("recorded", "disk_full")
    assert f"kept up to frame {manifest['ticks']}" in (bench.machine.message or "")
    assert Take.open(bench.spool / manifest["id"]).rows.num_rows == manifest["ticks"] >= 8
    bench.do("record")  # with space again, without a restart
    bench.ticks(2)


@pytest.mark.parametrize("code", [errno.EIO, errno.EFBIG, errno.EACCES])
def test_it_calls_no_other_error_a_full_disk(bench: Bench, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    bench.do("record")
    bench.ticks(20)

    def fails(fd: int, parts: list[bytes]) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(packets, "append_all", fails)
        until(lambda: bench.machine.take is None)
        bench.idle()
    manifest = bench.ended()[0]
    assert (manifest["state"], manifest["end_reason"]) == ("recorded", "not_written")
    message = str(bench.machine.message)
    assert os.strerror(code) in message and "disk full" not in message
    assert Take.open(bench.spool / manifest["id"]).rows.num_rows == manifest["ticks"] >= 8


def test_it_says_so_when_a_take_cannot_even_begin(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def readonly(*args: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", readonly)
        bench.do("record")
        until(lambda: bench.machine.take is None)
    bench.idle()
    assert "Read-only file system" in (bench.machine.message or "")
    assert bench.machine.controls == ["record", "replay", "preflight"]


def test_it_writes_many_frames_at_once_and_the_rest_when_the_take_ends(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "GATHER_S", 3600.0)
    bench.do("record")
    bench.ticks(30)
    until(lambda: (bench.spool / bench.machine.take.id / f"{FRONT}.idx").exists())
    assert (bench.spool / bench.machine.take.id / f"{FRONT}.idx").stat().st_size == 0, "its thread does not wake"
    bench.do("stop")
    bench.idle()
    manifest = bench.ended()[0]
    with Take.open(bench.spool / manifest["id"]) as take:
        assert take.rows.num_rows == manifest["ticks"] >= 30
        assert take.camera(FRONT).count == manifest["cameras_frames"][FRONT] >= 30
        assert (take.frame_index(FRONT) >= 0).all()


def test_it_drops_and_counts_frames_where_the_disk_is_too_slow(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "MAX_PENDING_BYTES", 60_000)
    gate = threading.Event()
    real = packets.append_all

    def slow(fd: int, parts: list[bytes]) -> None:
        gate.wait(10)
        real(fd, parts)

    monkeypatch.setattr(packets, "append_all", slow)
    bench.do("record")
    bench.ticks(40)  # the loop goes on as if nothing were
    gate.set()
    bench.do("stop")
    bench.idle()
    manifest = bench.ended()[0]
    dropped = manifest["counters"]["cameras"][FRONT]["dropped"]
    assert dropped > 0
    assert manifest["cameras_frames"][FRONT] + dropped == pytest.approx(manifest["ticks"], abs=2)
    assert f"{dropped} frames dropped" in {m["camera"]: m["text"] for m in manifest["marks"]}[FRONT]
    with Take.open(bench.spool / manifest["id"]) as take:
        assert take.camera(FRONT).count == manifest["cameras_frames"][FRONT]
        assert (take.frame_index(FRONT) >= 0).all()


def test_it_marks_a_loop_that_cannot_keep_its_rate(
    make_bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = make_bench(fps=50)
    robot = bench.machine.rig.loop._robot.driver
    observe = robot.observe

    def slowly() -> object:
        threading.Event().wait(0.03)
        return observe()

    monkeypatch.setattr(robot, "observe", slowly)
    bench.do("record")
    bench.ticks(60)
    bench.do("stop")
    bench.idle()
    manifest = bench.ended()[0]
    assert manifest["rate_hz"] < 40
    assert manifest["counters"]["dropped_ticks"] > 0
    assert "rate" in {mark["code"] for mark in manifest["marks"]}
