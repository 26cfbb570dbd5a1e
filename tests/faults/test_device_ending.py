"""F13: Every device raises while the take is stopped, or when it is told to disconnect."""

from __future__ import annotations

import pytest

from robotdata.rig.protocol import CommandRefused
from tests.rig.conftest import until
from tests.support.device_cells import FIRST_TICK, LOOPED, Cell, raising
from tests.support.device_rigs import Rigs, in_error, quick, released, rigs, shared, works_again
from tests.support.faulty import raises

__all__ = ["quick", "rigs", "shared"]
pytestmark = pytest.mark.faults
STOPPING = [cell for cell in FIRST_TICK if "raises" in cell.kind]


@pytest.mark.parametrize("cell", STOPPING, ids=str)
def test_while_the_take_is_stopped(rigs: Rigs, cell: Cell) -> None:
    rig = rigs.well(ticked=True)
    rig.record()
    rig.script.faults[cell.device, cell.method] = cell.fault
    try:
        rig.do("stop")
    except CommandRefused:  # the device was quicker
        assert rig.status()["state"] == "error"
    in_error(rig, cell)
    assert rig.take(0).ticks >= 3
    released(rig, rig.devices)
    works_again(rig)


@pytest.mark.parametrize("cell", [c for device in LOOPED for c in raising(device, "disconnect")], ids=str)
def test_while_it_lets_go(rigs: Rigs, cell: Cell) -> None:
    """Of a device that has failed, and at the end of the process."""
    rig = rigs.well(ticked=True)
    rig.record()
    rig.script.faults[cell.device, "disconnect"] = cell.fault
    other = "teleoperator" if cell.device == "robot" else "robot"
    method = "action" if other == "teleoperator" else "act"
    rig.script.faults[other, method] = raises(lambda: OSError(19, "No such device"))
    in_error(rig, Cell(other, method, "raises OSError", None, "No such device"))
    assert rig.take(0).ticks >= 3
    released(rig, rig.devices)
    warned: dict[str, str] = {}

    def has_warned() -> bool:  # once its call has ended, which `released` does not wait for
        problems = rig.status()["warnings"]
        warned.update({each["device"]: each["text"] for each in problems if each["code"] == "not_released"})
        return cell.device in warned

    until(has_warned)
    assert cell.words in warned[cell.device]
    works_again(rig)
