"""The rigs of the matrix of devices and faults, and what holds in each of its cells."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from robotdata.capture import camera_thread, loop
from robotdata.rig import machine as machines
from robotdata.rig import watch
from tests.rig.conftest import until
from tests.support.device_cells import Cell
from tests.support.faulty import FaultyRig

HANG_S = 0.2


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """The machine looks more often, and cameras are tried again sooner: no cell has to wait."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(machines, "_STEP_S", 0.002)
        patch.setattr(loop, "STOP_S", 0.1)
        patch.setattr(watch, "FIRST_FRAMES_S", 0.3)
        patch.setattr(watch, "FIRST_PAUSE_S", 0.001)
        patch.setattr(watch, "LONGEST_PAUSE_S", 0.01)
        patch.setattr(camera_thread, "FIRST_PAUSE_S", 0.002)
        patch.setattr(camera_thread, "LONGEST_PAUSE_S", 0.01)
        yield


class Rigs:
    """Rigs of one cell, and those that many cells use one after the other, as long as they are well."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._count = folder, 0
        self._shared: dict[bool, FaultyRig] = {}
        self._own: list[FaultyRig] = []

    def new(self, *, ticked: bool, answer_s: float = 60.0) -> FaultyRig:
        """A rig that is not yet started; it is stopped when the cell is over."""
        self._own.append(self._made(ticked=ticked, answer_s=answer_s))
        return self._own[-1]

    def well(self, *, ticked: bool) -> FaultyRig:
        """A rig that can record, and remembers nothing of the cells before."""
        rig = self._shared.pop(ticked, None)
        if rig is None or rig.status()["state"] != "idle":
            rig = self._made(ticked=ticked)
            rig.machine.start()
        self._shared[ticked] = rig
        rig.idle()
        rig.script.asked.clear()
        rig.ended.clear()
        return rig

    def end_cell(self) -> None:
        while self._own:
            end(self._own.pop())

    def end(self) -> None:
        self.end_cell()
        for rig in self._shared.values():
            end(rig)

    def _made(self, *, ticked: bool, answer_s: float = 60.0) -> FaultyRig:
        self._count += 1
        return FaultyRig(self._folder / f"spool-{self._count}", ticked=ticked, answer_s=answer_s)


def end(rig: FaultyRig) -> None:
    rig.script.heal()
    assert rig.stop() and rig.machine.rig.loop.ended


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rigs]:
    made = Rigs(tmp_path_factory.mktemp("rigs"))
    yield made
    made.end()


@pytest.fixture
def rigs(shared: Rigs) -> Iterator[Rigs]:
    yield shared
    shared.end_cell()


def in_error(rig: FaultyRig, cell: Cell) -> dict[str, Any]:
    """The status of a rig whose cell has struck: the device is named, and every device of the loop was let go of."""
    status = rig.until("error")
    error = status["error"]
    key = "observation.images.ticked" if "camera" in cell.device else None
    assert (error["device"], error["camera"]) == (cell.device, key)
    assert error["reason"] and cell.words in error["reason"] and error["remedy"] and error["since"] > 1.6e9
    assert error["reason"] in status["message"]
    assert status["controls"][0] == "clear_error" and set(status["controls"]) <= {"clear_error", "annotate"}
    assert error in status["cannot_record"]
    return status


def released(rig: FaultyRig, devices: list[str], late: str = "") -> None:
    """Each of the devices has been told once to let go: the robot first, and last one that was `late` to answer."""
    until(lambda: all(rig.script.count(device, "disconnect") for device in devices))
    order = [device for device, method in rig.script.asked if method == "disconnect"]
    assert sorted(order) == sorted(devices), order
    if "robot" in devices and late != "robot":
        assert order[0] == "robot"


def works_again(rig: FaultyRig) -> None:
    """Once it is healed and a person says so, it records."""
    rig.script.heal()
    until(lambda: rig.machine.rig.loop.ended)
    before = len(rig.ended)
    rig.do("clear_error")
    rig.idle()
    rig.record()
    rig.do("stop")
    assert rig.take(before).ticks >= 3
    rig.idle()


def least(cell: Cell) -> int:
    """The rows that a take must have: one whose beginning fails has none."""
    return 0 if cell.method == "begin_take" else 3
