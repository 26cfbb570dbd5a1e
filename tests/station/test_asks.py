"""Asks that get no answer do not use up the places of others."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from robotdata.station.asks import MOST_AT_ONCE, Asks
from robotdata.station.calibrations import Calibrations
from robotdata.station.devices import Devices
from robotdata.station.dialog_asks import DialogAsks
from robotdata.station.discovery import Discovery
from robotdata.station.errors import AskRefused
from robotdata.station.previews import Previews
from robotdata.station.programs import Programs
from robotdata.station.protocol import ASKS
from robotdata.station.rig_files import RigFiles
from robotdata.station.rigs import Rigs
from robotdata.supervisor import Lifeline
from tests.station.conftest import sim


class Hanging(Discovery):
    """A computer with a driver that does not return."""

    def __init__(self) -> None:
        super().__init__()
        self.returns = threading.Event()

    def ports(self, name_of: Any) -> Any:
        self.returns.wait()
        return []


async def test_a_driver_that_hangs_keeps_no_rig_from_being_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lifeline, hanging, files = Lifeline(), Hanging(), RigFiles(tmp_path / "rigs")
    files.write("bench", sim(), None)
    rigs = Rigs(files, tmp_path / "spool", "ws://127.0.0.1:1/ws/rig/", "", lifeline=lifeline, changed=lambda: None)
    devices = Devices(hanging, changed=lambda: None)
    dialogs = DialogAsks(Calibrations(files, rigs.is_active))
    asks = Asks(rigs, devices, Programs(lifeline), Previews(lifeline), dialogs)
    monkeypatch.setitem(ASKS, "devices", 0.01)
    try:
        for number in range(MOST_AT_ONCE + 1):
            answer = await asks.answer({"id": str(number), "name": "devices"})
            assert answer is not None and answer["error"] is not None and answer["error"]["code"] == "slow"
        stopped = await asks.answer({"id": "stop", "name": "stop_rig", "args": {"name": "bench"}})
        assert stopped is not None and stopped["ok"], stopped
        read = await asks.answer({"id": "read", "name": "read_rig", "args": {"name": "bench"}})
        assert read is not None and read["ok"], read
    finally:
        hanging.returns.set()
        await asks.end()
        await rigs.end()
        lifeline.close()


TWO_LEADERS = """
rig = { name = "pair" }
robot = { kind = "lerobot", type = "so101_follower", port = "/dev/a", id = "a" }
teleoperators.left = { kind = "lerobot", type = "so101_leader", port = "/dev/b", id = "b" }
teleoperators.base = { kind = "browser" }
"""


async def test_each_teleoperator_of_several_is_named_and_calibrated_by_its_name(tmp_path: Path) -> None:
    files = RigFiles(tmp_path / "rigs")
    files.write("pair", TWO_LEADERS, None)
    listed = files.read("pair").parsed
    assert listed.devices == {
        "robot": "lerobot so101_follower",
        "teleoperator left": "lerobot so101_leader",
        "teleoperator base": "browser",
    }
    assert listed.device("teleoperator") == "lerobot so101_leader, browser"
    calibrations = Calibrations(files, lambda name: True)
    for role, code in (("teleoperator left", "running"), ("teleoperator base", "no_calibration"), ("odd", "bad_args")):
        with pytest.raises(AskRefused) as refusal:
            calibrations.begin("pair", role)
        assert refusal.value.code == code, role
