"""F13: A camera in a thread of its own raises, hangs or returns rubbish: the rig runs on, and the camera comes back."""

from __future__ import annotations

from typing import Any

import pytest

from robotdata.capture import health
from robotdata.rig.protocol import CommandRefused
from tests.rig.conftest import until
from tests.support.device_cells import FREE, Cell, raising, rubbish
from tests.support.device_rigs import HANG_S, Rigs, quick, rigs, shared
from tests.support.faulty import FaultyRig, raises

__all__ = ["quick", "rigs", "shared"]
pytestmark = pytest.mark.faults


def camera_missing(rig: FaultyRig, words: str) -> dict[str, Any]:
    found: dict[str, Any] = {}

    def said() -> bool:
        status = rig.status()
        missing = [each for each in status["cannot_record"] if each["camera"] == "observation.images.free"]
        found.update(missing[0] if missing else {})
        return bool(missing) and words in missing[0]["reason"]

    until(said)
    assert found["device"] == "camera free" and found["code"] == "camera_missing" and found["remedy"]
    return found


def comes_back(rig: FaultyRig) -> None:
    rig.script.heal()
    before = len(rig.ended)
    rig.idle()
    rig.record()
    rig.do("stop")
    assert rig.take(before).ticks >= 3
    assert rig.script.count("robot", "disconnect") == 0, "the robot goes on"


@pytest.mark.parametrize("cell", raising("camera free", "connect"), ids=str)
def test_a_camera_that_does_not_connect(rigs: Rigs, cell: Cell) -> None:
    rig = rigs.new(ticked=False)
    rig.script.faults[cell.device, cell.method] = cell.fault
    rig.machine.start()
    rig.until("idle")
    camera_missing(rig, cell.words)
    with pytest.raises(CommandRefused) as refused:
        rig.do("record")
    assert refused.value.code == "camera_missing" and cell.words in refused.value.message
    comes_back(rig)


@pytest.mark.parametrize(
    "cell",
    [*raising("camera free", "read"), *raising("camera free", "disconnect"), *rubbish("camera free", "read")],
    ids=str,
)
def test_a_camera_in_a_take(rigs: Rigs, cell: Cell) -> None:
    rig = rigs.well(ticked=False)
    rig.record()
    if cell.method == "disconnect":
        rig.script.faults[cell.device, "read"] = raises(lambda: OSError(19, "No such device"))
    rig.script.faults[cell.device, cell.method] = cell.fault
    take = rig.take(0)
    assert take.ticks >= 3 and take.manifest["end_reason"] == "camera_lost"
    camera_missing(rig, "" if cell.method == "disconnect" else cell.words)
    comes_back(rig)


@pytest.mark.parametrize("method", FREE)
def test_a_camera_that_hangs(rigs: Rigs, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "LOST_AFTER_NS", int(HANG_S * 1e9))
    rig = rigs.new(ticked=False)
    if method == "connect":
        rig.script.faults[rig.camera, method] = rig.script.hangs()
    rig.machine.start()
    if method != "connect":
        rig.idle()
        rig.record()
        if method == "disconnect":
            rig.script.faults[rig.camera, "read"] = raises(lambda: OSError(19, "No such device"))
        rig.script.faults[rig.camera, method] = rig.script.hangs()
        assert rig.take(0).manifest["end_reason"] == "camera_lost"
    camera_missing(rig, "No such device" if method == "disconnect" else f"{method} does not answer")
    monkeypatch.undo()  # on a busy machine a good camera may take that long
    comes_back(rig)
