"""F13: Every method of every device raises or returns rubbish in the middle of a take."""

from __future__ import annotations

import pytest

from tests.rig.conftest import until
from tests.support.device_cells import LOOPED, Cell, raising, rubbish
from tests.support.device_rigs import Rigs, in_error, least, quick, released, rigs, shared

__all__ = ["quick", "rigs", "shared"]
pytestmark = pytest.mark.faults

MID_TAKE = [
    cell
    for device, names in LOOPED.items()
    for name in names
    if name not in ("connect", "disconnect")
    for cell in [*raising(device, name), *rubbish(device, name)]
]


@pytest.mark.parametrize("cell", MID_TAKE, ids=str)
def test_in_a_take(rigs: Rigs, cell: Cell) -> None:
    rig = rigs.well(ticked=True)
    if cell.method == "begin_take":
        rig.script.faults[cell.device, cell.method] = cell.fault
        rig.do("record")
    else:
        rig.record()
        rig.script.faults[cell.device, cell.method] = cell.fault
    status = in_error(rig, cell)
    take = rig.take(0)
    assert take.ticks >= least(cell) and take.manifest["end_reason"] == status["error"]["code"]
    released(rig, rig.devices)
    rig.script.heal()
    until(lambda: rig.machine.rig.loop.ended)
    rig.do("clear_error")
    rig.idle()  # the next cell records with it
