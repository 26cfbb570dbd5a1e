"""Hear what servos report while their positions are read: overload, heat, a wrong voltage.

LeRobot reads the positions of all servos by one instruction, and the SDKs of Feetech and Dynamixel drop the error byte
of each answer to it. So a servo that has switched itself off in a take would still answer, and nobody would know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

_SUCCESS = 0


class Alarms:
    """What the motors of these `buses` of a device report now; `text` is one sentence, empty if all is well."""

    def __init__(self, buses: Iterable[Any] = ()) -> None:
        self.text = ""
        self._said: dict[tuple[str, int], str] = {}
        for bus in buses:
            reader: Any = getattr(bus, "sync_reader", None)
            if hasattr(getattr(reader, "ph", None), "readRx"):
                reader.ph = _Listening(reader.ph, partial(self._heard, bus))

    def _heard(self, bus: Any, motor: int, error: int) -> None:
        key, known = (str(bus.port), motor), self._said
        if not error and key not in known:
            return
        if error:
            names = {each.id: name for name, each in bus.motors.items()}
            words = bus.packet_handler.getRxPacketError(error).partition("]")[2].strip(" !") or f"error {error}"
            known[key] = f"motor {motor} ({names.get(motor, 'unknown')}) at {bus.port} reports {words!r}"
        else:
            del known[key]
        said = "; ".join(text for _, text in sorted(known.items()))
        self.text = f"{said}: relieve the arm, then switch its power off and on" if said else ""


class _Listening:
    """An SDK's packet handler that also tells of the error byte of each answer."""

    def __init__(self, handler: Any, heard: Callable[[int, int], None]) -> None:
        self._handler, self._heard = handler, heard

    def __getattr__(self, name: str) -> Any:
        return getattr(self._handler, name)

    def readRx(self, port: Any, motor: int, length: int) -> tuple[Any, int, int]:
        data, result, error = self._handler.readRx(port, motor, length)
        if result == _SUCCESS:
            self._heard(motor, error)
        return data, result, error
