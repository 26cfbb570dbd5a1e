"""F13: Every method of every device raises, hangs or returns rubbish, at every moment, alone or with the others.

The cells are made from the protocols themselves, so a method that is added to one is tested here as well.
"""

from __future__ import annotations

import asyncio
import inspect
import termios
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robotdata.capture import camera_thread, clock, health, loop
from robotdata.capture.devices import Camera, Picture, Robot, TakeAware, Teleoperator, TickCamera
from robotdata.capture.errors import DeviceError
from robotdata.rig import machine as machines
from robotdata.rig import watch
from robotdata.rig.protocol import CommandRefused
from robotdata.video.jpeg import encode_jpeg
from tests.rig.conftest import until
from tests.support.faulty import SIZE, FaultyRig, gives, gives_for, raises

pytestmark = pytest.mark.faults

HANG_S = 0.2


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even words")


class Stop(BaseException):
    """As a library makes it that wants nobody to catch it."""


ERRORS: list[Callable[[], BaseException]] = [
    lambda: DeviceError("the bus is silent: is it switched on?"),
    lambda: OSError(5, "Input/output error"),
    lambda: ConnectionError("refused"),
    lambda: TimeoutError(),
    lambda: RuntimeError("motor 3"),
    lambda: EOFError(),
    lambda: NameError("name 'open_bus' is not defined"),
    lambda: termios.error(5, "Input/output error"),
    lambda: MemoryError(),
    lambda: StopIteration(),
    lambda: Mute(),
    lambda: SystemExit(3),
    lambda: KeyboardInterrupt(),
    lambda: GeneratorExit(),
    lambda: asyncio.CancelledError(),
    lambda: Stop(),
]


def methods(*protocols: type) -> list[str]:
    return [
        name
        for protocol in protocols
        for name, _ in inspect.getmembers(protocol, inspect.isfunction)
        if not name.startswith("_")
    ]


LOOPED = {
    "robot": methods(Robot, TakeAware),
    "teleoperator": methods(Teleoperator),
    "camera ticked": [name for name in methods(Camera, TickCamera) if name != "read"],
}
FREE = methods(Camera)
ONCE = ("connect", "disconnect", "begin_take")
"""All others are called at every tick."""

BAD_STATES = {
    "nothing": None,
    "text": "0.1 0.2 0.3",
    "texts": ["0.1", "0.2", "0.3"],
    "two": np.zeros(2, np.float32),
    "four": [0, 0, 0, 0],
    "ragged": [[1], [1, 2]],
    "nested": np.zeros((3, 1, 2)),
    "nan": [0, float("nan"), 0],
    "inf": np.array([0, 0, -np.inf]),
    "beyond float32": np.array([0, 1e40, 0]),
    "bools": [True, False, True],
    "none inside": [0.0, None, 0.0],
    "objects": [object()] * 3,
    "complex": np.array([1, 2j, 3]),
    "dates": np.array(["2026-01-01"] * 3, "M8[D]"),
    "masked": np.ma.masked_array([1.0, 2.0, 3.0], mask=[0, 1, 0]),
    "a set": {1, 2, 3},
}
BAD_CURRENTS = {
    "1e10": [1e10, 0],
    "128": [0, 128],
    "-129": np.array([-129, 0], np.int64),
    "half": [0.5, 0],
    "nan": [0, float("nan")],
    "huge": [2**70, 0],
    "uint64": np.array([0, 2**63], np.uint64),
}
BAD_PICTURES = {
    "nothing": lambda: None,
    "text": lambda: "a picture",
    "array": lambda: np.zeros((*SIZE, 3), np.uint8),
    "empty": lambda: picture(),
    "small": lambda: picture(rgb=np.zeros((16, 16, 3), np.uint8)),
    "grey": lambda: picture(rgb=np.zeros(SIZE, np.uint8)),
    "floats": lambda: picture(rgb=np.zeros((*SIZE, 3))),
    "list": lambda: picture(rgb=[[0, 0, 0]]),
    "garbage": lambda: picture(packet=b"\xff\xd8 no"),
    "text packet": lambda: picture(packet="\xff\xd8"),
    "small jpeg": lambda: picture(packet=encode_jpeg(np.zeros((16, 16, 3), np.uint8))),
    "depth": lambda: picture(depth=np.zeros(SIZE, np.uint16)),
    "no time": lambda: Picture(None, rgb=np.zeros((*SIZE, 3), np.uint8)),  # type: ignore[arg-type]
    "time as float": lambda: Picture(1.5, rgb=np.zeros((*SIZE, 3), np.uint8)),  # type: ignore[arg-type]
    "before time": lambda: Picture(-1, rgb=np.zeros((*SIZE, 3), np.uint8)),
    "wall clock": lambda: Picture(1_790_000_000 * 10**9, rgb=np.zeros((*SIZE, 3), np.uint8)),
    "beyond int64": lambda: Picture(2**70, rgb=np.zeros((*SIZE, 3), np.uint8)),
}


def picture(**given: Any) -> Picture:
    return Picture(clock.monotonic_ns(), **given)


@dataclass(frozen=True)
class Cell:
    """One method of one device, and what it does; `words` are in the reason that a person reads."""

    device: str
    method: str
    kind: str
    fault: Any
    words: str = ""

    def __str__(self) -> str:
        return f"{self.device}.{self.method} {self.kind}"


def raising(device: str, method: str, errors: list[Callable[[], BaseException]] = ERRORS) -> list[Cell]:
    cells = []
    for make in errors:
        error = make()
        words = str(error) if isinstance(error, DeviceError) else type(error).__name__
        cells.append(Cell(device, method, f"raises {type(error).__name__}", raises(make), words))
    return cells


def rubbish(device: str, method: str) -> list[Cell]:
    if method == "observe":
        cells = [
            Cell(device, method, f"gives {kind}", gives(value), "observe returns")
            for kind, value in {"none": None, "a list": [1, 2], "text": "x", "an empty dict": {}}.items()
        ]
        for feature, values in (("observation.state", BAD_STATES), ("observation.current", BAD_CURRENTS)):
            cells += [
                Cell(device, method, f"gives {kind} of {feature}", gives_for(feature, value), feature)
                for kind, value in values.items()
            ]
        for feature, value in (("observation.count", -1), ("observation.count", 256), ("observation.button", 2)):
            cells.append(Cell(device, method, f"gives {value} of {feature}", gives_for(feature, value), feature))
        return cells
    if method in ("action", "act"):
        return [Cell(device, method, f"gives {kind}", gives(value), "action") for kind, value in BAD_STATES.items()]
    if method in ("grab", "read"):
        return [Cell(device, method, f"gives {k}", lambda answer, v=v: v(), "") for k, v in BAD_PICTURES.items()]
    return []


MID_TAKE = [
    cell
    for device, names in LOOPED.items()
    for name in names
    if name not in ("connect", "disconnect")
    for cell in [*raising(device, name), *rubbish(device, name)]
]
CONNECTING = [cell for device in LOOPED for cell in raising(device, "connect")]
FIRST_TICK = [
    cell
    for device, names in LOOPED.items()
    for name in names
    if name not in ONCE
    for cell in [*raising(device, name, ERRORS[1:2] + ERRORS[11:12]), *rubbish(device, name)[:2]]
]
STOPPING = [cell for cell in FIRST_TICK if "raises" in cell.kind]
HANGING = [Cell(device, name, "hangs", None) for device, names in LOOPED.items() for name in names]


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
    assert error["reason"] in status["message"] and status["controls"] == ["clear_error"]
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


def least(cell: Cell) -> int:
    """The rows that a take must have: one whose beginning fails has none."""
    return 0 if cell.method == "begin_take" else 3


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


# -- a camera in a thread of its own: the rig goes on without it, and it comes back by itself


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
