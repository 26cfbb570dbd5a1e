"""What a rig says of its devices: in the status, in the terminal, and how it tries to connect them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from robotdata.capture import camera_thread, session
from robotdata.rig import machine as machines
from robotdata.rig import watch
from tests.rig.conftest import until
from tests.support.faulty import FaultyRig, raises


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyRig]:
    monkeypatch.setattr(machines, "_STEP_S", 0.002)
    monkeypatch.setattr(watch, "FIRST_FRAMES_S", 0.2)
    monkeypatch.setattr(camera_thread, "FIRST_PAUSE_S", 0.002)
    monkeypatch.setattr(camera_thread, "LONGEST_PAUSE_S", 0.01)
    made = FaultyRig(tmp_path / "spool", ticked=False)
    yield made
    made.script.heal()
    made.stop()


def test_it_says_once_in_the_terminal_why_a_camera_is_missing(rig: FaultyRig, caplog: pytest.LogCaptureFixture) -> None:
    rig.script.faults[rig.camera, "connect"] = raises(lambda: OSError(2, "No such file or directory"))
    with caplog.at_level(logging.INFO):
        rig.machine.start()
        until(lambda: rig.script.count(rig.camera, "connect") > 10)
        rig.script.faults[rig.camera, "connect"] = raises(lambda: OSError(16, "Device or resource busy"))
        until(lambda: "busy" in str(rig.status()["cannot_record"]))
        rig.script.heal()
        rig.idle()
        until(lambda: "is back" in caplog.text)
    said = [record.getMessage() for record in caplog.records if record.name == watch.__name__]
    assert len(said) == 3, said
    assert "Camera free is not available" in said[0] and "No such file" in said[0] and "rig file" in said[0]
    assert "busy" in said[1] and said[2].startswith("camera free of rig faulty is back")
    assert len([record for record in caplog.records if record.exc_info]) == 2, "one traceback for each"


def test_it_connects_once_a_try_and_waits_longer_after_each(rig: FaultyRig, caplog: pytest.LogCaptureFixture) -> None:
    rig.script.faults["robot", "connect"] = raises(lambda: NameError("name 'open_bus' is not defined"))
    rig.machine.start()
    waited = []
    for tries in range(1, 8):
        rig.until("error")
        assert rig.script.count("robot", "connect") == tries, "nobody has asked for another"
        assert rig.script.count("robot", "disconnect") == tries, "what is half connected is let go of"
        devices = rig.machine.devices
        waited.append(devices._pause)
        devices._due = 0.0  # the time is over
        rig.do("clear_error")
    rig.until("error")
    assert waited == sorted(waited) and waited[0] < 0.5 and waited[-1] == watch.LONGEST_PAUSE_S
    assert "open_bus" in rig.status()["message"]
    shown = [record for record in caplog.records if record.exc_info and record.name == session.__name__]
    assert len(shown) == 1, "a traceback once"


def test_it_warns_of_a_device_that_does_not_answer_while_everything_still_works(rig: FaultyRig) -> None:
    rig.machine.start()
    rig.idle()
    rig.record()
    rig.script.faults["robot", "observe"] = rig.script.hangs()
    found: list[dict[str, object]] = []

    def warned() -> bool:
        found[:] = [each for each in rig.status()["warnings"] if each["code"] == "silent"]
        return bool(found)

    until(warned)
    assert found[0]["device"] == "robot" and "observe" in str(found[0]["text"]) and found[0]["since"] > 1.6e9  # type: ignore[operator]
    assert rig.status()["state"] == "recording"
    rig.do("stop")
    assert rig.take(0).ticks >= 3
    rig.script.heal()
    until(lambda: not warned())
    rig.record()


def test_it_says_that_the_machine_gives_no_thread_for_the_loop(rig: FaultyRig, monkeypatch: pytest.MonkeyPatch) -> None:
    real = threading.Thread.start

    def none_left(thread: threading.Thread) -> None:
        if thread.name == "control-loop":
            raise RuntimeError("can't start new thread")
        real(thread)

    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", none_left)
        rig.machine.start()
        error = rig.until("error")["error"]
    assert error["device"] == "rig" and "more threads" in error["reason"]
    rig.do("clear_error")
    rig.idle()
    rig.record()


def test_it_is_no_longer_idle_when_its_loop_is_gone_for_any_reason(rig: FaultyRig) -> None:
    rig.machine.start()
    rig.idle()
    rig.machine.rig.loop._session.end()  # type: ignore[union-attr]
    error = rig.until("error")["error"]
    assert error["device"] == "rig" and error["code"] == "rig_failed"
    assert rig.status()["counters"]["fps"] == 0
