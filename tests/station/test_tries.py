"""Kinds and checks, as a station answers them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.station.conftest import CAMERA, ROOT, Station, alive, sim, soon


async def test_the_kinds_of_robotdata_are_offered_and_why_lerobots_are_not(station: Station) -> None:
    kinds = await station.web.get("kinds")
    names = {(kind["role"], kind["kind"]) for kind in kinds["kinds"]}
    assert {("robot", "sim"), ("teleoperator", "autopilot"), ("camera", "pyav"), ("robot", "replay")} <= names
    assert kinds["python"] == sys.executable
    assert kinds["lerobot"] or "needs LeRobot" in kinds["failed"]["lerobot"]


async def test_an_interpreter_that_lacks_robotdata_says_the_command(station: Station, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -I "$@"\n')  # without this checkout on its path
    python.chmod(0o755)
    kinds = await station.web.get("kinds", python=str(python))
    assert f"{python} -m pip install {ROOT}" in kinds["failed"]["robotdata"]
    assert any(kind["kind"] == "sim" for kind in kinds["kinds"])


async def test_a_program_that_is_no_interpreter_is_refused(station: Station) -> None:
    assert (await station.web.refusal("kinds", python="/nowhere/python"))["code"] == "bad_python"
    assert "failed" in (await station.web.get("kinds", python="/bin/false"))["failed"]["lerobot"]


async def test_every_device_of_a_rig_is_checked_and_released(station: Station) -> None:
    missing = '[cameras.back]\nkind = "pyav"\nurl = "v4l2:/dev/video99"\n'
    lines = {line["device"]: line for line in (await station.web.get("check_rig", text=sim() + missing))["lines"]}
    assert lines["robot"] == {"device": "robot", "ok": True, "text": "sim_arm, 6 joints"}
    assert lines["teleoperator"]["text"] == "6 joints"
    assert lines["camera front"]["ok"] and lines["camera front"]["text"].startswith("64x64 ")
    assert not lines["camera back"]["ok"] and "/dev/video99" in lines["camera back"]["text"]
    assert not list(station.spool.glob("*"))


@pytest.mark.parametrize(
    ("old", "new", "device", "words"),
    [
        ('kind = "autopilot"', 'kind = "autopilott"', "teleoperator", "unknown teleoperator kind"),
        ('kind = "autopilot"', 'kind = "autopilot"\nsead = 1', "teleoperator", "did you mean 'seed'?"),
        (CAMERA, CAMERA + "hang_after_s = 0.001\n", "camera front", "has not answered in time"),
        (CAMERA, CAMERA + "lose_after_s = 0.001\n", "camera front", "unplugged"),
        ("fps = 10", 'fps = 10\npython = "/nowhere/python"', "rig", "want the path of a Python"),
    ],
)
async def test_what_is_wrong_with_a_device_is_said(
    station: Station, old: str, new: str, device: str, words: str
) -> None:
    checked = await station.web.get("check_rig", text=sim().replace(old, new))
    (wrong,) = [line for line in checked["lines"] if not line["ok"]]
    assert wrong["device"] == device and words in wrong["text"]


async def test_a_wrong_text_is_not_checked(station: Station) -> None:
    error = await station.web.refusal("check_rig", text=sim().replace("fps = 10", "fps = 0"))
    assert (error["code"], error["errors"][0]["line"]) == ("invalid", 3)


async def test_devices_of_a_running_rig_are_left_alone(station: Station) -> None:
    camera = '[cameras.front]\nkind = "pyav"\nurl = "v4l2:/dev/video99"\n'
    await station.web.get("write_rig", name="bench", text=sim().replace(CAMERA, camera), version=None)
    await station.web.get("start_rig", name="bench")
    await station.web.in_state("bench", "running")
    error = await station.web.refusal("check_rig", text=sim("other").replace(CAMERA, camera))
    assert error["code"] == "in_use" and "rig bench runs and has /dev/video99" in error["message"]


HANGS = sim().replace(CAMERA, CAMERA + "hang_after_s = 0.001\n")


def checks(station: Station) -> list[int]:
    """The ids of the station's children that check a rig."""
    assert station.process is not None
    found = []
    for pid in Path(f"/proc/{station.process.pid}/task/{station.process.pid}/children").read_text().split():
        if b"--check" in Path(f"/proc/{pid}/cmdline").read_bytes():
            found.append(int(pid))
    return found


async def test_it_answers_while_a_check_runs_and_runs_one_at_a_time(station: Station) -> None:
    checking: asyncio.Task[Any] = asyncio.create_task(station.web.get("check_rig", text=HANGS))
    await soon(lambda: checks(station))
    assert (await station.web.get("check_text", text=HANGS))["errors"] == []
    (pid,) = checks(station)
    os.kill(pid, signal.SIGSTOP)  # however quick this machine is, the check has not ended
    assert (await station.web.refusal("check_rig", text=sim()))["code"] == "busy"
    os.kill(pid, signal.SIGCONT)
    await checking


async def test_a_check_ends_with_its_station(station: Station) -> None:
    checking = asyncio.create_task(station.web.refusal("check_rig", text=HANGS))
    (pid,) = await soon(lambda: checks(station))
    assert await station.end() == 0
    assert not alive(pid)
    assert (await checking)["code"] == "ending"
