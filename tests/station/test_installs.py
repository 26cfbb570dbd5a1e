"""One installation of drivers at a time, of what was chosen, and never under a rig that uses them."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from robotdata.station.calibrations import Calibrations
from robotdata.station.dialog_asks import DialogAsks
from robotdata.station.dialogs import COLUMNS
from robotdata.station.errors import AskRefused
from robotdata.station.rig_files import RigFiles
from robotdata.station.rigs import Rigs
from robotdata.supervisor import Lifeline
from tests.station.conftest import sim, soon

ARM = """
rig = {{ name = "arm", python = "{python}" }}
robot = {{ kind = "lerobot", type = "so101_follower", port = "/dev/a", id = "a" }}
teleoperator = {{ kind = "autopilot" }}
"""


class Station:
    """The dialogs of a station on which every program waits until it is ended; `running` are its rigs."""

    def __init__(self, folder: Path) -> None:
        self.files = RigFiles(folder / "rigs")
        self.running: set[str] = set()
        self.calibrations = Calibrations(self.files, self.running.__contains__)
        self.waiting = self.program(folder / "own/bin")
        self.python = self.program(folder / "drivers/bin")
        self.files.write("arm", ARM.format(python=self.python), None)

    def program(self, folder: Path) -> Path:
        folder.mkdir(parents=True)
        (folder / "python").write_text("#!/bin/sh\nexec sleep 3600\n")
        (folder / "python").chmod(0o755)
        return folder / "python"

    def refusal(self, *packages: str) -> AskRefused:
        with pytest.raises(AskRefused) as refused:
            self.calibrations.install(packages)
        return refused.value


@pytest.fixture
def station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Station]:
    made = Station(tmp_path)
    monkeypatch.setattr(sys, "executable", str(made.waiting))
    yield made
    made.calibrations.close()


@pytest.fixture
async def rigs(station: Station, tmp_path: Path) -> AsyncIterator[Rigs]:
    """The rigs of the same station; each process of theirs waits until it is ended."""
    lifeline, spool = Lifeline(), tmp_path / "spool"
    calibrations = Calibrations(
        station.files, lambda name: made.is_active(name), lambda name: made.running_python(name)
    )
    station.calibrations, starting = calibrations, calibrations.starting
    server = "ws://127.0.0.1:1/ws/rig/", ""
    made = Rigs(station.files, spool, *server, lifeline=lifeline, changed=lambda: None, starting=starting)
    yield made
    await made.end()
    lifeline.close()


def of(rigs: Rigs, name: str) -> dict[str, Any]:
    (report,) = [dict(each) for each in rigs.report() if each["name"] == name]
    return report


def test_two_pages_at_the_same_moment_share_one_installation(station: Station) -> None:
    together = threading.Barrier(8)

    def press(_: int) -> str:
        together.wait()
        return station.calibrations.install(["feetech"])

    with ThreadPoolExecutor(8) as pages:
        assert len(set(pages.map(press, range(8)))) == 1


async def test_a_terminal_has_the_width_of_the_page_that_begins_it(station: Station) -> None:
    asks = DialogAsks(station.calibrations).handlers
    first = await asks["install_drivers"]({"columns": 44})
    assert first["columns"] == 44
    joined = await asks["install_drivers"]({"columns": 100})
    assert joined == first, "a page that joins shows it as it is"
    await asks["dialog_end"]({"dialog": first["dialog"]})
    calibration = await asks["calibrate"]({"name": "arm", "role": "robot"})
    assert calibration["columns"] == COLUMNS, "as long as nobody asks for another width"
    for wrong in (43, 161, "80", True, 50.5):
        with pytest.raises(AskRefused) as refused:
            await asks["calibrate"]({"name": "arm", "role": "robot", "columns": wrong})
        assert refused.value.code == "bad_args" and "columns" in refused.value.message


def test_other_drivers_wait_for_the_installation_that_runs(station: Station) -> None:
    key = station.calibrations.install(["feetech", "dynamixel"])
    assert station.calibrations.install(["dynamixel", "feetech"]) == key
    refused = station.refusal("feetech", "intelrealsense")
    assert refused.code == "busy" and "dynamixel, feetech" in refused.message
    station.calibrations.get(key).end()
    assert station.calibrations.install(["intelrealsense"]) != key


def test_no_driver_is_no_installation(station: Station) -> None:
    assert station.refusal().code == "bad_args" and "at least one" in station.refusal().message


def test_nothing_is_replaced_under_a_rig_that_runs(station: Station) -> None:
    station.files.write("bench", sim(), None)
    station.running.update(["arm", "bench"])
    refused = station.refusal("feetech")
    assert (
        refused.code == "running"
        and "arm runs" in refused.message
        and str(station.python.parents[1]) in refused.message
    )
    station.running.remove("arm")
    assert station.calibrations.install(["feetech"]), "bench has another Python"


def test_a_running_rig_whose_file_cannot_be_read_may_use_them(station: Station) -> None:
    station.running.add("arm")
    station.files.path("arm").write_text("broken")
    assert station.refusal("feetech").code == "running"


def test_a_calibration_and_an_installation_exclude_each_other(station: Station) -> None:
    key = station.calibrations.begin("arm", "robot")
    refused = station.refusal("feetech")
    assert refused.code == "running" and "calibration of arm" in refused.message
    station.calibrations.get(key).end()
    station.calibrations.install(["feetech"])
    with pytest.raises(AskRefused) as refusal:
        station.calibrations.begin("arm", "robot")
    assert refusal.value.code == "busy"


async def test_no_rig_starts_while_drivers_are_installed_into_its_python(station: Station, rigs: Rigs) -> None:
    key = station.calibrations.install(["feetech"])
    with pytest.raises(AskRefused) as refused:
        await rigs.start("arm")
    assert refused.value.code == "busy" and "drivers are being installed for arm: wait" in refused.value.message
    assert not rigs.is_active("arm") and "arm" not in station.files.wanted()
    with pytest.raises(AskRefused) as unchecked:
        rigs.check_python("arm", str(station.python))
    assert unchecked.value.code == "busy", "nor does a check of its devices"
    rigs.check_python("bench", "")
    station.calibrations.get(key).end()
    await rigs.start("arm")
    assert rigs.is_active("arm") and station.refusal("feetech").code == "running"


async def test_a_rig_is_not_stopped_for_a_restart_that_would_be_refused(station: Station, rigs: Rigs) -> None:
    station.files.write("bench", sim(), None)
    await rigs.start("bench")
    await soon(lambda: rigs.pids())
    (pid,) = rigs.pids()
    station.calibrations.install(["feetech"])
    station.files.path("bench").write_text(ARM.format(python=station.python).replace('"arm"', '"bench"'))
    with pytest.raises(AskRefused) as refused:
        await rigs.restart("bench")
    assert refused.value.code == "busy" and rigs.pids() == {pid: "bench"}


async def test_the_python_that_a_rig_was_started_with_is_kept_though_its_file_names_another(
    station: Station, rigs: Rigs
) -> None:
    await rigs.start("arm")
    await soon(lambda: rigs.pids())
    station.files.path("arm").write_text(ARM.format(python=station.waiting))
    assert station.refusal("feetech").code == "running"


async def test_a_rig_that_ends_by_itself_waits_for_the_drivers_that_its_file_now_names(
    station: Station, rigs: Rigs
) -> None:
    station.files.write("bench", sim(), None)
    await rigs.start("bench")
    await soon(lambda: rigs.pids())
    station.calibrations.install(["feetech"])
    station.files.path("bench").write_text(ARM.format(python=station.python).replace('"arm"', '"bench"'))
    for pid in rigs.pids():
        os.kill(pid, signal.SIGKILL)
    report = await soon(lambda: (one := of(rigs, "bench"))["problem"].count("drivers are being installed") and one)
    assert report["state"] == "failed" and "started again" in report["problem"] and report["pid"] is None
