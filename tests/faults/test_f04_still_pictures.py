"""F04: A camera that runs as its own process repeats one frame, shows one flat colour, or hangs for a moment.

A real rig reports it on the page while it records, and flags it in the take.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from robotdata.spool import Take
from tests.recorder.sockets.conftest import Web
from tests.support.http_source import Source
from tests.support.rigs import FRONT, TICKED, RigProcess, new_dataset, rows_in, running, until

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def source() -> Iterator[Source]:
    made = Source()
    yield made
    made.process.send_signal(signal.SIGCONT)
    made.end()


@pytest.fixture(scope="module")
def rig(web: Web, source: Source, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RigProcess]:
    front = {"kind": "pyav", "url": f"http://127.0.0.1:{source.port}/", "fps": 20}
    with running(web, tmp_path_factory.mktemp("rig"), fps=20, cameras={"front": front, "top": TICKED}) as made:
        yield made


def warned(rig: RigProcess, code: str) -> list[str]:
    return [each["text"] for each in rig.warnings if (each["code"], each["camera"]) == (code, FRONT)]


def stopped(rig: RigProcess, take: str) -> list[dict[str, Any]]:
    """The marks of the camera in a take that is ended now, as the page shows them."""
    rig.do("stop")  # a machine so busy that two seconds went by has ended it already
    assert rig.ended(take)["end_reason"] in ("stop", "camera_lost")
    return [mark for mark in rig.episode(take)["marks"] if mark["camera"] == FRONT]


@pytest.mark.parametrize(
    ("how", "code", "words"),
    [
        (signal.SIGUSR1, "frozen", "Camera front repeats the same image"),
        (signal.SIGUSR2, "flat", "Camera front shows one flat colour"),
    ],
)
def test_pictures_that_show_nothing_new_are_said_and_marked(
    web: Web, rig: RigProcess, source: Source, how: signal.Signals, code: str, words: str
) -> None:
    until(lambda: not rig.cameras)
    take = rig.record(new_dataset(web, "Still"))
    rig.written(take, 5)
    source.process.send_signal(how)
    assert until(lambda: warned(rig, code)) == [words]
    rig.written(take, rig.ticks() + 5)
    source.process.send_signal(how)  # and back again
    until(lambda: not warned(rig, code))
    marks = [each for each in stopped(rig, take) if each["code"] == code]
    assert marks and {mark["text"] for mark in marks} == {words}
    assert all(0 < mark["from_tick"] < mark["to_tick"] for mark in marks)


def test_ticks_without_a_fresh_picture_are_marked_and_nothing_is_made_up(
    web: Web, rig: RigProcess, source: Source
) -> None:
    until(lambda: not rig.cameras)
    take = rig.record(new_dataset(web, "Hangs"))
    rig.written(take, 5)
    source.process.send_signal(signal.SIGSTOP)
    try:
        rows = rows_in(rig.spool / take)
        until(lambda: warned(rig, "stale") or warned(rig, "lost"))
        rig.written(take, rows + 5)
    finally:
        source.process.send_signal(signal.SIGCONT)
    until(lambda: not rig.cameras)
    marks = [mark for mark in stopped(rig, take) if mark["code"] == "stale"]
    assert marks and marks[0]["text"] == "Camera front sends no new frames"
    with Take.open(rig.spool / take) as opened:
        seq, captured = opened.column(f"{FRONT}/seq"), opened.camera(FRONT).captured_ns
        first, end = marks[0]["from_tick"], marks[0]["to_tick"]
        assert (np.diff(seq[first:end]) == 0).all(), "a row of the gap claims a fresh picture"
        assert opened.camera(FRONT).seq.tolist() == sorted(set(opened.camera(FRONT).seq.tolist()))
        assert np.diff(captured).max() > 100_000_000, "no picture was put into the gap"
