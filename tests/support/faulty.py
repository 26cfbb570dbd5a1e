"""A rig in this process whose devices fail on demand: any method, with any exception, answer or silence."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from robotdata.capture import clock
from robotdata.capture.config import parse_config
from robotdata.capture.devices import Picture
from robotdata.capture.registry import Registry
from robotdata.capture.session import Timeouts
from robotdata.rig.machine import Machine
from robotdata.rig.protocol import CommandRefused, as_command
from robotdata.rig.rig import Rig
from robotdata.rig.status import Reporter
from robotdata.spool import Take
from tests.rig.conftest import until

FPS = 100
SIZE = (32, 48)
ALIVE = ("idle", "recording", "countdown", "resetting", "paused")
"""What a rig may only be shown as while its loop runs."""

JOINTS = {"dtype": "float32", "shape": [3], "names": ["pan", "lift", "grip"]}
FEATURES: dict[str, dict[str, Any]] = {
    "action": JOINTS,
    "observation.state": JOINTS,
    "observation.current": {"dtype": "int8", "shape": [2], "names": ["pan", "lift"]},
    "observation.count": {"dtype": "uint8", "shape": [1], "names": None},
    "observation.button": {"dtype": "bool", "shape": [1], "names": None},
}
Fault = Callable[[Any], Any]


@dataclass
class Script:
    """What the devices of one rig do, and what was asked of them: (device, method), in order.

    `faults` replace the answer of a method. What hangs does so until `healed` is set.
    """

    faults: dict[tuple[str, str], Fault] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    healed: threading.Event = field(default_factory=threading.Event)

    def step(self, device: str, method: str, answer: Any = None) -> Any:
        self.asked.append((device, method))
        fault = self.faults.get((device, method))
        return answer if fault is None else fault(answer)

    def heal(self) -> None:
        self.faults.clear()
        self.healed.set()
        self.healed = threading.Event()

    def count(self, device: str, method: str) -> int:
        return self.asked.count((device, method))

    # -- kinds of faults

    def hangs(self) -> Fault:
        """Answers, but not before `heal`."""
        healed = self.healed

        def wait(answer: Any) -> Any:
            healed.wait(60)
            return answer

        return wait


def raises(error: Callable[[], BaseException]) -> Fault:
    def fail(answer: Any) -> Any:
        raise error()

    return fail


def gives(rubbish: Any) -> Fault:
    return lambda answer: rubbish


def gives_for(feature: str, rubbish: Any) -> Fault:
    return lambda answer: {**answer, feature: rubbish}


class FaultyRobot:
    """Says in its state how often it was asked."""

    robot_type = "faulty"
    features = FEATURES

    def __init__(self, script: Script) -> None:
        self._script, self._number = script, 0

    def connect(self) -> None:
        self._script.step("robot", "connect")

    def begin_take(self) -> None:
        self._script.step("robot", "begin_take")

    def observe(self) -> Any:
        self._number += 1
        answer = {
            "observation.state": np.full(3, self._number, np.float32),
            "observation.current": np.array([-128, 127], np.int8),
            "observation.count": self._number % 256,
            "observation.button": self._number % 2 == 0,
        }
        return self._script.step("robot", "observe", answer)

    def act(self, action: Any) -> Any:
        return self._script.step("robot", "act", action)

    def disconnect(self) -> None:
        self._script.step("robot", "disconnect")


class FaultyTeleoperator:
    """Sends the state back, plus one."""

    def __init__(self, script: Script) -> None:
        self._script = script

    def connect(self) -> None:
        self._script.step("teleoperator", "connect")

    def action(self, observation: Any) -> Any:
        return self._script.step("teleoperator", "action", np.asarray(observation["observation.state"]) + 1)

    def disconnect(self) -> None:
        self._script.step("teleoperator", "disconnect")


class FaultyCamera:
    """Gives a new picture every 10 ms."""

    def __init__(self, script: Script, name: str) -> None:
        self._script, self._name, self._number = script, name, 0

    def connect(self) -> None:
        self._script.step(self._name, "connect")

    def read(self) -> Any:
        time.sleep(0.01)
        return self._script.step(self._name, "read", self.picture())

    def disconnect(self) -> None:
        self._script.step(self._name, "disconnect")

    def picture(self) -> Picture:
        self._number += 1
        rgb = np.random.default_rng(self._number).integers(0, 255, (*SIZE, 3), np.uint8)
        return Picture(clock.monotonic_ns(), rgb=rgb)


class FaultyTickedCamera(FaultyCamera):
    """Gives one picture a tick, in the loop's thread."""

    def grab(self, tick: int) -> Any:
        return self._script.step(self._name, "grab", self.picture())


class FaultyRig:
    """A machine with such devices, its camera in a thread of its own or, `ticked`, in the loop."""

    def __init__(self, spool: Path, *, ticked: bool, answer_s: float = 60.0) -> None:
        self.script, self.spool = Script(), spool
        self.camera = "camera ticked" if ticked else "camera free"
        registry = Registry()
        registry.add("robot", "faulty", lambda context, options: FaultyRobot(self.script))
        registry.add("teleoperator", "faulty", lambda context, options: FaultyTeleoperator(self.script))
        kind = FaultyTickedCamera if ticked else FaultyCamera
        registry.add("camera", "faulty", lambda context, options: kind(self.script, self.camera))
        about = {"kind": "faulty", "width": SIZE[1], "height": SIZE[0]}
        tables = {
            "rig": {"name": "faulty", "fps": FPS},
            "robot": {"kind": "faulty"},
            "teleoperator": {"kind": "faulty"},
            "cameras": {self.camera.removeprefix("camera "): about},
        }
        timeouts = Timeouts(connect_s=answer_s, answer_s=answer_s)
        self.machine = Machine(Rig(parse_config(tables, "test"), spool, registry=registry, timeouts=timeouts))
        self.ended: list[dict[str, Any]] = []
        self.machine.on_take = lambda event, manifest: None if event == "started" else self.ended.append(dict(manifest))
        self._reporter = Reporter(self.machine)

    @property
    def devices(self) -> list[str]:
        """The devices that the loop drives."""
        return ["robot", "teleoperator", *([self.camera] if "ticked" in self.camera else [])]

    def status(self) -> dict[str, Any]:
        """What a page would show. It never says of a rig whose loop is dead that it could do anything."""
        loop = self.machine.rig.loop
        session = loop._session
        dead = session is not None and (session.failure is not None or session.ended)
        status = dict(self._reporter.status())
        assert not (dead and session is loop._session and status["state"] in ALIVE), status
        return status

    def until(self, state: str) -> dict[str, Any]:
        """The status, once the rig is in that state."""
        found: dict[str, Any] = {}

        def there() -> bool:
            found.update(self.status())
            return found["state"] == state

        until(there)
        return found

    def do(self, name: str) -> None:
        self.machine.execute(as_command(name))

    def record(self, ticks: int = 3) -> None:
        """A take with so many rows; a rig that is busy saving is asked again."""

        def begun() -> bool:
            self.status()
            try:
                self.do("record")
            except CommandRefused:
                return False
            return True

        until(begun)
        until(lambda: self.machine.take is None or self.machine.take.ticks >= ticks)

    def record_with(self, **args: Any) -> None:
        """Begin to record with these arguments."""
        self.machine.execute(as_command("record", **args))

    def idle(self) -> None:
        """Wait until it can record, after whatever happened."""

        def can() -> bool:
            status = self.status()
            return status["state"] == "idle" and not status["saving"] and not status["cannot_record"]

        until(can)

    def take(self, number: int) -> Take:
        """The take that ended as number `number`, whole: each row's action belongs to its state."""
        until(lambda: len(self.ended) > number)
        manifest = self.ended[number]
        assert manifest["state"] == "recorded", manifest
        with Take.open(self.spool / manifest["id"]) as take:
            state, action = take.signal("observation.state")[:, 0], take.signal("action")[:, 0]
            assert take.rows.num_rows == manifest["ticks"] == take.ticks
            assert np.array_equal(action, state + 1) and (np.diff(state) == 1).all()
            assert np.array_equal(take.signal("observation.count")[:, 0], state % 256)
            assert (take.signal("observation.current") == [-128, 127]).all()
        return take

    def stop(self) -> bool:
        return self.machine.stop(30)
