"""What a rig says, marks and saves where a disk, a camera, a robot or a thread fails it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from robotdata.rig import checks, watch
from robotdata.rig.protocol import CommandRefused
from robotdata.rig.recorder import TakeRecorder
from robotdata.rig.status import Reporter
from robotdata.spool import Take, read_manifest
from tests.rig.conftest import FRONT, Bench, until


def test_it_refuses_to_begin_on_a_disk_that_is_nearly_full(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(bench.machine.rig.disk), "free_bytes", property(lambda self: 1_000_000))
    with pytest.raises(CommandRefused, match=r"room for .* minutes") as refused:
        bench.do("record")
    assert refused.value.code == "disk_full"
    assert "disk" in [w["code"] for w in Reporter(bench.machine).status()["warnings"]]  # and of a loop that is late


def test_it_says_that_it_may_start_no_more_threads(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(take: TakeRecorder) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as full:
        full.setattr(TakeRecorder, "start", none_left)
        with pytest.raises(CommandRefused, match="start more threads"):
            bench.do("record")
        assert bench.machine.state == "idle" and bench.machine.take is None
        bench.do("record", countdown_s=0.05)
        until(lambda: bench.machine.state == "idle")
        assert "start more threads" in str(bench.machine.message)
    bench.do("record")
    bench.ticks(2)
    bench.do("stop")
    bench.idle()
    assert [manifest["state"] for manifest in bench.ended()] == ["recorded"]


def test_it_refuses_while_a_camera_is_missing(
    make_bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "FIRST_FRAMES_S", 0.2)
    bench = make_bench(camera={"kind": "pyav", "url": "/nowhere/cam.mp4"})
    with pytest.raises(CommandRefused, match=r"front.*no such file") as refused:
        bench.do("record")
    assert refused.value.code == "camera_missing"


def test_it_refuses_when_the_disk_does_not_keep_up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "MAX_SAVING", 0)
    with pytest.raises(CommandRefused) as refused:
        bench.do("record")
    assert refused.value.code == "busy"


def test_it_ends_the_take_when_the_robot_stops_answering(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(robot={"fail_after_s": 3600})
    bench.do("record")
    bench.ticks(1)
    bench.machine.rig.loop._robot.driver._connected_at -= 3600  # an hour has gone by
    until(lambda: bench.machine.state == "error" and bench.ended())
    manifest = bench.ended()[0]
    assert manifest["end_reason"] == "robot_lost"
    assert manifest["ticks"] == Take.open(bench.spool / manifest["id"]).rows.num_rows > 0
    assert "fail_after_s" in (bench.machine.message or "")
    bench.do("clear_error")
    until(lambda: bench.machine.state == "idle")
    bench.do("record")
    bench.ticks(2)


@pytest.mark.parametrize(
    ("fault", "code"), [("hang", "stale"), ("lose", "lost"), ("freeze", "frozen"), ("black", "black")]
)
def test_it_says_and_marks_what_is_wrong_with_a_camera(make_bench: Callable[..., Bench], fault: str, code: str) -> None:
    bench = make_bench(camera={"kind": "sim", f"{fault}_after_s": 3600})
    bench.do("record")
    bench.ticks(4)
    bench.machine.rig.cameras[0]._camera._connected_ns -= 3_600_000_000_000  # an hour has gone by
    reporter = Reporter(bench.machine)

    def said() -> bool:
        warnings = reporter.status()["warnings"]
        return any((w["code"], w["camera"]) == (code, FRONT) and "front" in w["text"] for w in warnings)

    until(said)
    if bench.machine.state == "recording" and fault not in ("hang", "lose"):
        assert bench.machine.take is not None
        bench.ticks(bench.machine.take.ticks + 2)
        bench.do("stop")
    bench.idle()
    manifest = bench.ended()[0]
    assert code in {mark["code"] for mark in manifest["marks"] if mark["camera"] == FRONT}
    assert manifest["end_reason"] == ("camera_lost" if fault in ("hang", "lose") else "stop")


def test_it_says_that_an_empty_take_holds_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.machine.rig.loop, "swap_sink", lambda sink: None)
    bench.do("record")
    bench.do("stop")
    bench.idle()
    assert "0 frames, not saved" in (bench.machine.message or "")
    assert bench.events[-1][0] == "discarded"


def test_it_makes_each_of_many_quick_takes_its_own(bench: Bench) -> None:
    for _ in range(12):
        bench.do("record")
        bench.ticks(1)
        bench.do("stop")
        until(lambda: len(bench.machine.saving) < checks.MAX_SAVING)
    bench.idle()
    kept = [manifest["id"] for manifest in bench.ended()]
    assert len(set(kept)) == 12
    assert all(read_manifest(bench.spool / take)["ticks"] >= 1 for take in kept)
