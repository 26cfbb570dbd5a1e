"""The cells of the matrix of devices, methods and faults, made from the protocols themselves.

So a method that is added to a protocol is tested as well.
"""

from __future__ import annotations

import asyncio
import inspect
import termios
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from robotdata.capture import clock
from robotdata.capture.devices import Camera, Picture, Robot, TakeAware, Teleoperator, TickCamera
from robotdata.capture.errors import DeviceError
from robotdata.video.jpeg import encode_jpeg
from tests.support.faulty import SIZE, gives, gives_for, raises


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


FIRST_TICK = [
    cell
    for device, names in LOOPED.items()
    for name in names
    if name not in ONCE
    for cell in [*raising(device, name, ERRORS[1:2] + ERRORS[11:12]), *rubbish(device, name)[:2]]
]
