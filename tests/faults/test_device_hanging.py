"""F13: Every method of every device hangs, alone or while others raise: the others are released, and nothing moves."""

from __future__ import annotations

import termios

import pytest

from tests.rig.conftest import until
from tests.support.device_cells import LOOPED, Cell
from tests.support.device_rigs import HANG_S, Rigs, in_error, least, quick, released, rigs, shared, works_again
from tests.support.faulty import FaultyRig, raises

__all__ = ["quick", "rigs", "shared"]
pytestmark = pytest.mark.faults
HANGING = [Cell(device, name, "hangs", None) for device, names in LOOPED.items() for name in names]


@pytest.mark.parametrize("cell", HANGING, ids=str)
def test_hanging(rigs: Rigs, cell: Cell) -> None:
    rig = rigs.new(ticked=True, answer_s=HANG_S)
    hung = begin_hanging(rig, cell)
    struck = Cell(cell.device, cell.method, "", None, f"{cell.method} has not answered")
    if cell.method == "disconnect":  # something else has to end the loop
        struck = Cell("teleoperator", "action", "", None, "No such device")
        rig.script.faults["teleoperator", "action"] = raises(lambda: OSError(19, "No such device"))
    in_error(rig, struck)
    if cell.method != "connect":
        assert rig.take(0).ticks >= least(cell)
    the_others_are_released(rig, cell)
    nothing_is_connected_meanwhile(rig, cell)
    rig.script.heal()
    until(lambda: rig.machine.rig.loop.ended)
    released(rig, [device for device, method in rig.script.asked if method == "connect"], cell.device)
    late = rig.script.asked[rig.script.asked.index((cell.device, cell.method), hung) + 1 :]
    assert {method for _, method in late} <= {"disconnect"}, "nothing moves any more"
    works_again(rig)


def begin_hanging(rig: FaultyRig, cell: Cell) -> int:
    """In the middle of a take; `connect` and `begin_take` as soon as they are called. Returns how many calls came
    before it."""
    hang = {(cell.device, cell.method): rig.script.hangs()}
    if cell.method == "connect":
        rig.script.faults.update(hang)
    rig.machine.start()
    if cell.method == "connect":
        until(lambda: rig.script.count(cell.device, "connect"))
        return 0
    rig.idle()
    if cell.method == "begin_take":
        rig.script.faults.update(hang)
        rig.do("record")
        until(lambda: rig.script.count(cell.device, cell.method))
        return 0
    rig.record()
    before = len(rig.script.asked)
    rig.script.faults.update(hang)
    return before


def the_others_are_released(rig: FaultyRig, cell: Cell) -> None:
    connected = {device for device, method in rig.script.asked if method == "connect"}
    until(lambda: all(rig.script.count(device, "disconnect") == 1 for device in connected - {cell.device}))
    assert rig.script.count(cell.device, "disconnect") == (cell.method == "disconnect")


def nothing_is_connected_meanwhile(rig: FaultyRig, cell: Cell) -> None:
    """Nothing is asked of any device while a call hangs, and the page says which, and since when."""
    until(lambda: rig.machine.rig.loop.hanging)
    (warned,) = [each for each in rig.status()["warnings"] if each["code"] == "silent"]
    assert warned["device"] == cell.device and cell.method in warned["text"] and warned["since"] > 1.6e9
    before = len(rig.script.asked)
    rig.do("clear_error")
    error = rig.until("error")["error"]
    assert error["device"] == cell.device and cell.method in error["reason"]
    assert len(rig.script.asked) == before


@pytest.mark.parametrize("cell", HANGING, ids=str)
def test_the_process_ends_while_a_device_hangs(rigs: Rigs, cell: Cell) -> None:
    rig = rigs.new(ticked=True, answer_s=HANG_S)
    begin_hanging(rig, cell)
    if cell.method != "connect":
        rig.do("stop")  # at once, whatever hangs
    assert rig.stop()
    the_others_are_released(rig, cell)
    if cell.method != "connect":
        assert rig.take(0).ticks >= least(cell)


TOGETHER = {
    "both raise": [("teleoperator", "action", "raise"), ("robot", "disconnect", "raise")],
    "everything raises at the end": [
        ("robot", "act", "raise"),
        *((device, "disconnect", "raise") for device in LOOPED),
    ],
    "one raises, the other hangs": [("teleoperator", "action", "raise"), ("robot", "disconnect", "hang")],
    "one hangs, the other raises": [("robot", "observe", "hang"), ("teleoperator", "disconnect", "raise")],
    "both hang": [("robot", "observe", "hang"), ("teleoperator", "disconnect", "hang")],
    "all hang at the end": [("robot", "act", "raise"), *((device, "disconnect", "hang") for device in LOOPED)],
}


@pytest.mark.parametrize("faults", TOGETHER.values(), ids=list(TOGETHER))
def test_together(rigs: Rigs, faults: list[tuple[str, str, str]]) -> None:
    rig = rigs.new(ticked=True, answer_s=HANG_S)
    rig.machine.start()
    rig.idle()
    rig.record()
    hangs = rig.script.hangs()
    for device, method, how in reversed(faults):  # the one that strikes comes last
        rig.script.faults[device, method] = hangs if how == "hang" else raises(lambda: termios.error(5, "I/O error"))
    in_error(rig, Cell(*faults[0][:2], "", None))
    assert rig.take(0).ticks >= 3
    silent = {device for device, method, how in faults if how == "hang" and method != "disconnect"}
    until(lambda: all(rig.script.count(device, "disconnect") == 1 for device in set(rig.devices) - silent))
    works_again(rig)
