"""Guide a person through LeRobot's calibration: its own code runs, and its questions become steps that a page shows.

Each step goes to the terminal as one escape sequence, `ESC ] 7377 ; JSON BEL`, which terminals do not show; the answers
are lines: an empty one continues, `b` goes back, `c` is LeRobot's own word for a new calibration. LeRobot's `calibrate`
decides all that is written. Only two of its calls are answered here: `input`, and `record_ranges_of_motion` of a serial
motor bus, whose work is the same, but which can be left.
"""

from __future__ import annotations

import builtins
import contextlib
import json
import os
import select
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from robotdata.capture import clock
from robotdata.capture.session import describe_error

SEQUENCE = 7377
POSITION = "Present_Position"
BACK, NEW = "b", "c"
_RETRIES = 5
_SHOWN_EVERY_S, _READ_EVERY_S = 0.1, 0.02


class Back(BaseException):
    """The person wants the step before. Like KeyboardInterrupt it is not an Exception, so that no driver catches it.

    `again` is whether the question about a known calibration is asked again.
    """

    def __init__(self, *, again: bool) -> None:
        super().__init__()
        self.again = again


class Lines:
    """What is typed on the terminal `fd`, line by line."""

    def __init__(self, fd: int) -> None:
        self._fd, self._rest = fd, b""

    def read(self, wait_s: float) -> str | None:
        """Return the next line without its end; None if none came within `wait_s`. Raises EOFError."""
        while b"\n" not in self._rest:
            if not select.select([self._fd], [], [], wait_s)[0]:
                return None
            data = os.read(self._fd, 1024)
            if not data:
                raise EOFError("the terminal was closed")
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode("utf-8", "replace").strip()


class Guide:
    """Guides through the calibration of one arm, which `label` names where a device has several."""

    def __init__(self, arm: Any, label: str, lines: Lines) -> None:
        self._arm, self._label, self._lines = arm, label, lines
        self._buses = [each for each in vars(arm).values() if _is_serial(each)]
        self._was_asked = self._skips = False
        self._shown = ""

    def run(self, calibrate: Callable[[], None]) -> None:
        """Run LeRobot's `calibrate`, and again from its beginning when the person goes back. Raises what it raises."""
        while True:
            try:
                with self._in_charge():
                    calibrate()
                return
            except Back as back:
                self._shown = ""
                self._skips = not back.again and self._was_asked
                _write("\nBack.\n")

    @contextlib.contextmanager
    def _in_charge(self) -> Iterator[None]:
        """Answer `input` and `record_ranges_of_motion` meanwhile."""
        ask = builtins.input
        builtins.input = self._ask
        try:
            for bus in self._buses:
                bus.record_ranges_of_motion = _ranges_of(self, bus)
            yield
        finally:
            builtins.input = ask
            for bus in self._buses:
                vars(bus).pop("record_ranges_of_motion", None)

    def _ask(self, prompt: object = "") -> str:
        """Answer one of LeRobot's questions with what the person types."""
        text = str(prompt)
        _write(text)
        is_choice, is_middle = f"'{NEW}'" in text, "middle" in text
        if is_choice and self._skips:
            self._skips = False
            _write(f"{NEW}\n")
            return NEW
        self._was_asked = self._was_asked or is_choice
        step = "choice" if is_choice else "middle" if is_middle else "question"
        can_go_back = not is_choice and self._was_asked
        while True:
            positions, problem = self._positions() if is_middle else ({}, "")
            joints = [_joint(bus, name, positions.get(name)) for bus in self._buses for name in bus.motors]
            self._show(step, text, joints if positions else [], back=can_go_back, problem=problem)
            line = self._lines.read(_SHOWN_EVERY_S if is_middle else 1.0)
            if line is not None and line.lower() == BACK and can_go_back:
                raise Back(again=True)
            if line is not None and line.lower() != BACK:
                return line

    def _positions(self) -> tuple[dict[str, int], str]:
        """Return where the joints are in raw steps, and why that is unknown."""
        positions: dict[str, int] = {}
        for bus in self._buses:
            try:
                positions |= bus.sync_read(POSITION, list(bus.motors), normalize=False, num_retry=_RETRIES)
            except Exception as error:  # noqa: BLE001  LeRobot's own next call says it again, and ends the calibration
                return {}, describe_error(error)
        return positions, ""

    def ranges(self, bus: Any, names: Sequence[str]) -> tuple[dict[str, int], dict[str, int]]:
        """Measure the least and the greatest position of each joint, as LeRobot does, until the person continues."""
        at = bus.sync_read(POSITION, names, normalize=False, num_retry=_RETRIES)
        least, most = dict(at), dict(at)
        try:
            return self._measured(bus, names, least, most)
        finally:
            _write("\n" * (len(names) + 2))  # what follows stands below the newest table

    def _measured(
        self, bus: Any, names: Sequence[str], least: dict[str, int], most: dict[str, int]
    ) -> tuple[dict[str, int], dict[str, int]]:
        problem, due = "", 0.0
        while True:
            at = bus.sync_read(POSITION, names, normalize=False, num_retry=_RETRIES)
            least = {name: min(at[name], value) for name, value in least.items()}
            most = {name: max(at[name], value) for name, value in most.items()}
            still = [name for name in names if least[name] == most[name]]
            problem = problem if still else ""
            if clock.monotonic() >= due:
                due = clock.monotonic() + _SHOWN_EVERY_S
                self._show_ranges(bus, at, least, most, problem)
            line = self._lines.read(_READ_EVERY_S)
            if line is not None and line.lower() == BACK:
                raise Back(again=False)
            if line == "" and still:
                problem, due = f"Not moved yet: {', '.join(still)}. Move each through its whole range", 0.0
            elif line == "":
                return least, most

    def _show_ranges(
        self, bus: Any, at: Mapping[str, int], least: Mapping[str, int], most: Mapping[str, int], problem: str
    ) -> None:
        joints = [
            {**_joint(bus, name, at.get(name), least.get(name), most.get(name)), "turns": name not in at}
            for name in bus.motors
        ]
        text = "Move one joint after the other through its whole range, until its bar no longer grows"
        _write(f"\n{'NAME':<15} | {'MIN':>6} | {'POS':>6} | {'MAX':>6}\n")
        _write("".join(f"{name:<15} | {least[name]:>6} | {at[name]:>6} | {most[name]:>6}\n" for name in at))
        _write(f"\033[{len(at) + 2}A")  # up again: the next table is written over this one
        self._show("ranges", text, joints, back=True, problem=problem)

    def _show(self, step: str, text: str, joints: list[dict[str, Any]], *, back: bool, problem: str) -> None:
        value = {"v": 1, "step": step, "arm": self._label, "text": text, "back": back, "problem": problem}
        sequence = f"\033]{SEQUENCE};{json.dumps({**value, 'joints': joints})}\007"
        if sequence != self._shown:
            self._shown = sequence
            _write(sequence)


def _ranges_of(guide: Guide, bus: Any) -> Callable[..., tuple[dict[str, int], dict[str, int]]]:
    """Return what takes the place of a bus's own `record_ranges_of_motion`."""

    def record_ranges_of_motion(motors: Any = None, display_values: bool = True) -> Any:
        names = list(bus.motors) if motors is None else [motors] if isinstance(motors, str) else list(motors)
        return guide.ranges(bus, names)

    return record_ranges_of_motion


def _joint(bus: Any, name: str, now: int | None, least: int | None = None, most: int | None = None) -> dict[str, Any]:
    """Return what a page shows of a joint: raw steps, of 0 to `high` in one turn; `measured` if its range is."""
    high = int(bus.model_resolution_table.get(bus.motors[name].model, 4096)) - 1
    return {"name": name, "now": now, "min": least, "max": most, "high": high, "measured": least is not None}


def _is_serial(value: Any) -> bool:
    """Return whether this is a bus of the Feetech or the Dynamixel family."""
    return all(hasattr(value, name) for name in ("motors", "port_handler", "sync_read", "record_ranges_of_motion"))


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
