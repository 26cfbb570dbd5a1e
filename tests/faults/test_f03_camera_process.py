"""F03, F04: A camera that runs as its own process is stopped and killed, and comes back."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from robotdata.rig.protocol import CommandRefused
from robotdata.spool import Take
from robotdata.video.barcode import read
from robotdata.video.jpeg import decode_jpeg
from tests.rig.conftest import FRONT, Bench, until
from tests.support.http_source import Source

pytestmark = pytest.mark.faults


@pytest.fixture
def source() -> Iterator[Source]:
    made = Source()
    yield made
    made.process.send_signal(signal.SIGCONT)
    made.end()


@pytest.fixture
def bench(source: Source, make_bench: Callable[..., Bench]) -> Bench:
    made = make_bench(camera={"kind": "pyav", "url": f"http://127.0.0.1:{source.port}/", "fps": 20}, fps=20)
    until(lambda: made.machine.state == "idle")
    return made


def take_of(bench: Bench, manifest: dict[str, Any]) -> Path:
    with Take.open(bench.spool / manifest["id"]) as take:
        camera = take.camera(FRONT)
        shown = [read(decode_jpeg(camera.packet(number))).tick for number in range(camera.count)]
        assert shown == sorted(set(shown)), "a picture came twice, or late"
        assert take.ticks == manifest["ticks"]
    return take.folder


def begins(bench: Bench) -> bool:
    try:
        bench.do("record")
    except CommandRefused:
        return False
    return True


def handles() -> int:
    """Open files and sockets of this process, which is the rig."""
    here = Path("/proc/self/fd")
    return len(list(here.iterdir())) if here.is_dir() else 0


def codes(manifest: dict[str, Any]) -> set[str]:
    return {mark["code"] for mark in manifest["marks"] if mark["camera"] == FRONT}


def a_take_with_a_gap(bench: Bench, source: Source) -> dict[str, Any]:
    """Its manifest. On a machine so busy that the gap is two seconds long the camera is lost by it: then once more."""

    def goes_on_to(ticks: int) -> None:
        until(lambda: (take := bench.machine.take) is None or take.ticks >= ticks)

    for before in range(10):
        until(lambda: begins(bench))
        goes_on_to(10)
        source.process.send_signal(signal.SIGSTOP)
        goes_on_to(20)
        source.process.send_signal(signal.SIGCONT)
        goes_on_to(45)
        with contextlib.suppress(CommandRefused):
            bench.do("stop")
        until(lambda before=before: len(bench.ended()) > before)
        if bench.ended()[-1]["end_reason"] == "stop":
            break
    return bench.ended()[-1]


def test_a_camera_that_hangs_for_a_moment_is_marked_and_nothing_is_made_up(bench: Bench, source: Source) -> None:
    manifest = a_take_with_a_gap(bench, source)
    assert (manifest["state"], manifest["end_reason"]) == ("recorded", "stop")
    assert "stale" in codes(manifest), manifest["marks"]
    take_of(bench, manifest)


@pytest.mark.parametrize("how", [signal.SIGSTOP, signal.SIGKILL])
def test_a_camera_that_is_gone_ends_the_take_and_comes_back_without_a_restart(
    bench: Bench, source: Source, how: signal.Signals
) -> None:
    bench.do("record")
    bench.ticks(10)
    held = handles()
    source.process.send_signal(how)
    until(lambda: bench.ended())
    (manifest,) = bench.ended()
    assert (manifest["state"], manifest["end_reason"]) == ("recorded", "camera_lost")
    assert codes(manifest) & {"stale", "lost"} and manifest["ticks"] >= 10
    take_of(bench, manifest)
    assert "Camera front stopped during recording" in str(bench.machine.message)
    with pytest.raises(CommandRefused, match="Camera front is not available: "):
        bench.do("record")
    source.end()
    source.start()
    until(lambda: begins(bench))
    bench.ticks(10)
    until(lambda: handles() <= held, 30)  # of the lost connection none is left
    bench.do("stop")
    bench.idle()
    assert [each["end_reason"] for each in bench.ended()] == ["camera_lost", "stop"]
    take_of(bench, bench.ended()[1])
