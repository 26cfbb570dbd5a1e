"""F13: Every device raises or returns rubbish while it connects or at the first tick: the rig names it, and waits."""

from __future__ import annotations

import pytest

from tests.support.device_cells import FIRST_TICK, LOOPED, Cell, raising
from tests.support.device_rigs import Rigs, in_error, quick, released, rigs, shared, works_again

__all__ = ["quick", "rigs", "shared"]
pytestmark = pytest.mark.faults
CONNECTING = [cell for device in LOOPED for cell in raising(device, "connect")]


@pytest.mark.parametrize("cell", CONNECTING, ids=str)
def test_while_it_connects(rigs: Rigs, cell: Cell) -> None:
    rig = rigs.new(ticked=True)
    rig.script.faults[cell.device, cell.method] = cell.fault
    rig.machine.start()
    in_error(rig, cell)
    order = ["teleoperator", "camera ticked", "robot"]
    asked = order[: order.index(cell.device) + 1]
    released(rig, asked)
    assert [device for device, method in rig.script.asked if method == "connect"] == asked, "tried once"
    assert not {method for _, method in rig.script.asked} - {"connect", "disconnect"}
    works_again(rig)


@pytest.mark.parametrize("cell", FIRST_TICK, ids=str)
def test_at_the_first_tick(rigs: Rigs, cell: Cell) -> None:
    rig = rigs.new(ticked=True)
    rig.script.faults[cell.device, cell.method] = cell.fault
    rig.machine.start()
    in_error(rig, cell)
    assert rig.script.count(cell.device, cell.method) == 1
    released(rig, rig.devices)
    works_again(rig)
