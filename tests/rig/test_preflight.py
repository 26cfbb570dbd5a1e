"""A preflight records for a moment, judges that, keeps nothing of it, and has an answer whatever fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robotdata.rig import judge, preflight
from robotdata.rig.protocol import CommandRefused, as_command
from robotdata.rig.status import Reporter
from robotdata.spool import TakeWriter, list_takes
from tests.rig.conftest import FRONT, TOP, Bench, until
from tests.support.faulty import FaultyRig, Script
from tests.support.small_disk import on_a_small_disk

CAMERA = "observation.images.ticked"


def checked(bench: Bench, **args: Any) -> dict[str, Any]:
    """What the rig says of a preflight that has ended."""
    reporter = Reporter(bench.machine)
    bench.do("preflight", seconds=1, **args)
    until(lambda: bench.machine.state == "idle")
    return dict(reporter.status()["preflight"] or {})


def by_code(result: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    codes: dict[str, list[dict[str, Any]]] = {}
    for each in result["checks"]:
        codes.setdefault(each["code"], []).append(each)
    return codes


def left(spool: Path) -> list[Path]:
    """Whatever lies in the spool besides locks; the rig may be removing it."""
    found = [Path(folder) / name for folder, folders, files in os.walk(spool) for name in (*folders, *files)]
    return [path for path in found if not path.name.endswith(".lock")]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[FaultyRig]:
    made = FaultyRig(tmp_path / "spool", ticked=True)
    made.machine.start()
    made.idle()
    yield made
    made.script.heal()
    made.stop()


def begin(rig: FaultyRig, **args: Any) -> None:
    """Begin a preflight, and wait until its recording is on the disk."""
    rig.machine.execute(as_command("preflight", **args))
    until(lambda: any(path.name == "rows.arrow" for path in left(rig.spool)))


def end(rig: FaultyRig) -> dict[str, list[dict[str, Any]]]:
    rig.until("idle")
    result = dict(rig.status()["preflight"])
    assert result["state"] == "done"
    return by_code(result)


def test_it_measures_everything_and_keeps_nothing(bench: Bench) -> None:
    assert Reporter(bench.machine).status()["preflight"] is None
    result = checked(bench, clock_offset_s=0.0, dataset="cups")
    codes = by_code(result)
    assert codes.keys() == {"loop", "tick", "camera", "disk_space", "disk_speed", "clock", "dataset"}
    assert {each["camera"] for each in codes["camera"]} == {FRONT, TOP}
    rows = codes["loop"][0]["measured"]["rows"]
    assert rows > 10
    for camera in codes["camera"]:
        assert abs(camera["measured"]["frames"] - rows) <= 1 and camera["measured"]["light"] > 0
    assert codes["disk_speed"][0]["measured"]["disk_bytes_per_s"] > 0
    assert codes["dataset"][0]["level"] == codes["clock"][0]["level"] == "ok"
    assert result["age_s"] >= 0 and result["dataset"] == "cups"
    assert left(bench.spool) == [] and list_takes(bench.spool) == [] and bench.events == []
    assert Reporter(bench.machine).hello()["takes"] == []
    bench.do("record")
    bench.ticks(3)
    bench.do("stop")
    bench.idle()
    assert len(bench.ended()) == 1, "a take of its own"


def test_while_it_runs_the_rig_is_checking_and_records_no_take(rig: FaultyRig) -> None:
    rig.machine.events.record_args = pedal = {"task": "push"}
    begin(rig, seconds=10)
    status = rig.status()
    assert (status["state"], status["take"], status["controls"]) == ("checking", None, ["cancel"])
    assert status["preflight"]["state"] == "running" and status["timer"]["phase"] == "checking"
    for name in ("record", "preflight"):
        with pytest.raises(CommandRefused, match="checking"):
            rig.do(name)
    rig.do("cancel")
    rig.until("idle")
    assert rig.machine.events.record_args == pedal, "a pedal goes on with its session"
    assert rig.status()["preflight"] is None, "there is no result of one that was given up"
    until(lambda: left(rig.spool) == [])
    assert rig.script.count("robot", "begin_take") == 0, "the robot heard of no take"
    rig.record()
    assert rig.script.count("robot", "begin_take") == 1


def test_it_is_refused_while_a_take_is_recorded_and_with_bad_arguments(bench: Bench) -> None:
    for args in ({"seconds": 0}, {"seconds": "3"}, {"clock_offset_s": "now"}, {"expect": 1}, {"dataset": 1}):
        with pytest.raises(CommandRefused, match=next(iter(args))) as refusal:
            bench.machine.execute(as_command("preflight", **args))
        assert refusal.value.code == "bad_args" and bench.machine.state == "idle"
    bench.do("record")
    with pytest.raises(CommandRefused, match="recording"):
        bench.do("preflight")
    bench.do("stop")


def test_it_compares_the_rig_with_the_dataset(bench: Bench) -> None:
    rig = bench.machine.rig
    same = {"fps": rig.config.fps, "features": dict(rig.features)}
    assert by_code(checked(bench, dataset="cups", expect=same))["dataset"][0]["level"] == "ok"
    fewer = {key: value for key, value in rig.features.items() if key != TOP}
    result = checked(bench, dataset="cups", expect={"fps": 10, "features": fewer})
    (check,) = by_code(result)["dataset"]
    assert (check["level"], check["measured"]["differences"]) == ("bad", 2) and TOP in check["text"]
    assert result["checks"][0]["level"] == "bad", "the worst first"
    (check,) = by_code(checked(bench, dataset="cups", problem="Frames are too small for AV1."))["dataset"]
    assert check["level"] == "bad" and "AV1" in check["text"]


def same_picture(script: Script, device: str) -> Callable[[Any], Any]:
    """A camera that sends its first picture again and again."""
    first: list[Any] = []

    def answer(picture: Any) -> Any:
        first.append(picture.rgb)
        return replace(picture, rgb=first[0])

    return answer


def black(picture: Any) -> Any:
    return replace(picture, rgb=np.zeros_like(picture.rgb))


def test_it_finds_a_camera_that_repeats_its_picture(rig: FaultyRig) -> None:
    rig.script.faults[rig.camera, "grab"] = same_picture(rig.script, rig.camera)
    begin(rig)
    (camera,) = end(rig)["camera"]
    assert camera["level"] == "bad" and "same image" in camera["text"] and camera["camera"] == CAMERA
    assert "Plug the camera in again" in camera["remedy"]


def test_it_finds_a_camera_that_is_black(rig: FaultyRig) -> None:
    rig.script.faults[rig.camera, "grab"] = black
    begin(rig)
    (camera,) = end(rig)["camera"]
    assert camera["level"] == "bad" and "black" in camera["text"] and camera["measured"]["light"] == 0


def test_an_emergency_stop_ends_it_as_it_ends_a_take(rig: FaultyRig) -> None:
    begin(rig, seconds=10)
    rig.do("emergency_stop")
    acts = rig.script.count("robot", "act")
    status = rig.until("error")
    assert status["error"]["code"] == "emergency_stop" and status["preflight"]["state"] == "stopped"
    until(lambda: rig.machine.rig.loop.ended)
    assert rig.script.count("robot", "act") - acts <= 1, "the one that was under way"
    assert rig.script.count("robot", "disconnect") == 1
    until(lambda: not [path for path in left(rig.spool) if path.is_file()])
    rig.do("clear_error")
    rig.idle()
    begin(rig)
    assert "loop" in end(rig)


def test_a_robot_that_fails_during_it_is_the_answer(rig: FaultyRig) -> None:
    begin(rig, seconds=10)

    def fail(answer: Any) -> Any:
        raise OSError("no power")

    rig.script.faults["robot", "observe"] = fail
    status = rig.until("error")
    (check,) = status["preflight"]["checks"]
    assert (status["preflight"]["state"], check["level"]) == ("stopped", "bad") and "no power" in check["text"]


def test_a_disk_that_does_not_answer_is_the_answer(rig: FaultyRig, monkeypatch: pytest.MonkeyPatch) -> None:
    answers, finish = threading.Event(), TakeWriter.finish

    def late(writer: TakeWriter, *args: Any, **more: Any) -> Any:
        answers.wait(60)
        return finish(writer, *args, **more)

    monkeypatch.setattr(TakeWriter, "finish", late)
    monkeypatch.setattr(judge, "DURABLE_S", 0.1)
    begin(rig, seconds=1)
    (check,) = end(rig)["disk_speed"]
    assert check["level"] == "bad" and "has not written" in check["text"]
    answers.set()
    until(lambda: not [path for path in left(rig.spool) if path.is_file()])


def test_judging_that_hangs_does_not_hold_the_rig(rig: FaultyRig, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = threading.Event()
    monkeypatch.setattr(preflight, "judge", lambda *args: [answers.wait(60)][:0])
    monkeypatch.setattr(preflight, "JUDGE_S", 0.1)
    begin(rig, seconds=1)
    (check,) = end(rig)["recording"]
    assert check["level"] == "bad" and "not judged" in check["text"]
    answers.set()
    until(lambda: not [path for path in left(rig.spool) if path.is_file()])


KILLED = """
import pathlib, sys
from tests.rig.conftest import Bench, config, until
bench = Bench(pathlib.Path(sys.argv[1]), config())
bench.do("preflight", seconds=10)
until(lambda: list(bench.spool.glob(".preflight-bench/*/rows.arrow")))
print("checking", flush=True)
until(lambda: False, 600)
"""
FILE = """
[rig]
name = "bench"
[robot]
kind = "sim"
[teleoperator]
kind = "autopilot"
"""


def test_nothing_is_left_of_it_once_a_killed_rig_has_started_again(tmp_path: Path) -> None:
    spool, file = tmp_path / "spool", tmp_path / "bench.toml"
    file.write_text(FILE)
    with subprocess.Popen([sys.executable, "-c", KILLED, str(spool)], stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None and killed.stdout.readline() == "checking\n"
        os.kill(killed.pid, signal.SIGKILL)
    assert any(path.name == "rows.arrow" for path in left(spool)) and list_takes(spool) == []
    command = [sys.executable, "-m", "robotdata.rig", str(file), "--spool", str(spool)]
    environment = os.environ | {"ROBOTDATA_LOG": "INFO"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as again:
        assert again.stderr is not None and "rig bench is running" in again.stderr.readline()
        assert left(spool) == []
        again.send_signal(signal.SIGTERM)
        assert again.wait(60) == 0


SMALL = """
import json, pathlib, sys
from robotdata.rig.status import Reporter
from tests.rig.conftest import Bench, config, until
bench = Bench(pathlib.Path(sys.argv[1]), config())
bench.do("preflight")
until(lambda: bench.machine.state == "idle")
said = dict(Reporter(bench.machine).status()["preflight"])
said["left"] = [each.name for each in bench.spool.iterdir() if not each.name.endswith(".lock")]
bench.machine.stop()
print(json.dumps(said))
"""


@pytest.mark.faults
def test_a_disk_with_little_room_is_told_before_a_take_is_lost_to_it(tmp_path: Path) -> None:
    said = on_a_small_disk("size=3m", SMALL, tmp_path)
    codes = by_code(said)
    assert said["left"] == [] and codes["disk_space"][0]["level"] == "bad"
    assert codes["disk_space"][0]["measured"]["minutes"] < 2 and "trash" in codes["disk_space"][0]["remedy"]
