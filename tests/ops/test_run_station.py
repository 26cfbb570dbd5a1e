"""`make run` starts the station of this computer, which runs the rigs that were set up on the page."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recorder.management.embedded import STATION_DELAY_S, STATION_GRACE_S, Embedded, Options, stop_order
from robotdata.station.rig_files import RigFiles
from robotdata.station.rig_process import STOP_S
from robotdata.supervisor import Child
from tests.station.conftest import sim
from tests.support import programs
from tests.support.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
Start = Callable[..., dict[str, Child]]


@pytest.fixture
def start(tmp_path: Path, settings: Any) -> Start:
    """The processes of `make run` in a home of its own, by name."""
    settings.HOME = tmp_path
    return lambda **options: {child.name: child for child in Embedded(Options(**options), say=print).children()}


def test_a_fresh_home_has_the_simulated_rig_and_a_station_that_waits_for_the_page(start: Start, tmp_path: Path) -> None:
    children = start()
    assert list(children) == ["web", "rig", "station", "worker"]
    station = children["station"]
    assert station.start_delay_s == STATION_DELAY_S and str(tmp_path / "rigs") in station.args
    assert stop_order(list(children.values())) == ["rig", "station", "worker", "web"]
    assert station.grace_s == STATION_GRACE_S > STOP_S


def test_rig_files_of_the_page_replace_the_simulated_rig(start: Start, tmp_path: Path) -> None:
    files = RigFiles(tmp_path / "rigs")
    files.write("bench", sim(), None)
    assert list(start()) == ["web", "station", "worker"]
    assert start()["station"].start_delay_s == STATION_DELAY_S
    files.want({"bench"})
    assert start()["station"].start_delay_s == 0
    assert list(start(rigs=["arm.toml"])) == ["web", "rig arm", "station", "worker"]


def test_without_rigs_here_there_is_no_station(start: Start) -> None:
    assert list(start(with_rig=False)) == ["web", "worker"]


def test_the_stations_rigs_run_with_the_product_and_end_before_it(tmp_path: Path) -> None:
    files = RigFiles(tmp_path / "home/rigs")
    files.write("bench", sim(), None)
    files.want({"bench"})
    env = {**os.environ, "ROBOTDATA_HOME": str(tmp_path / "home"), "ROBOTDATA_LOG": "INFO", "PYTHONWARNINGS": ""}
    command = [sys.executable, "manage.py", "run", "--port", str(free_port()), "--no-worker"]
    log = tmp_path / "log"
    with log.open("w") as file, programs.Popen(command, cwd=ROOT, env=env, stdout=file, stderr=file) as process:
        try:
            end = time.monotonic() + 120
            while not ("robotdata is ready" in log.read_text() and "[bench] rig: connected" in log.read_text()):
                assert time.monotonic() < end and process.poll() is None, log.read_text()
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
        finally:
            process.kill()
    said = log.read_text()
    last = [said.index(words) for words in ("all takes are complete", "station: stopped", "Stopped. Nothing was lost")]
    assert last == sorted(last) and "rig sim is running" not in said
