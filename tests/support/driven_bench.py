"""An arm that somebody drives from a page, and what reached it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from robotdata.capture import clock
from robotdata.capture.config import parse_config
from robotdata.capture.inputs import Sender
from robotdata.capture.registry import Registry
from robotdata.rig.machine import Machine
from robotdata.rig.rig import Rig
from tests.rig.conftest import until

FPS = 50
SPEED = 20.0
OLGA, PAUL = Sender("tab-1", "olga"), Sender("tab-2", "paul")
HUGE = 10**400  # JSON may have it, and no float can


class Arm:
    """Two joints and a wheel; it goes at once where it is sent, unless `stuck`."""

    robot_type = "arm"
    names = ("pan.pos", "lift.pos", "wheel.vel")
    features: dict[str, Any] = {
        "action": {"dtype": "float32", "shape": [3], "names": list(names)},
        "observation.state": {"dtype": "float32", "shape": [2], "names": ["lift.pos", "pan.pos"]},
    }

    def __init__(self) -> None:
        self.at = np.array([10.0, -5.0, 0.0])
        self.stuck = False
        self.sent: list[tuple[float, list[float]]] = []  # monotonic seconds, action

    def connect(self) -> None: ...

    def observe(self) -> dict[str, Any]:
        return {"observation.state": np.array([self.at[1], self.at[0]], np.float32)}

    def act(self, action: Any) -> Any:
        self.sent.append((clock.monotonic(), [float(value) for value in action]))
        if not self.stuck:
            self.at = np.array(action, np.float64)
        return action

    def disconnect(self) -> None: ...


class Seen(Arm):
    """Two joints, both observed; a reset puts it elsewhere, as a simulator does."""

    features = {**Arm.features, "action": {"dtype": "float32", "shape": [2], "names": list(Arm.names[:2])}}

    def __init__(self) -> None:
        super().__init__()
        self.at = self.at[:2]
        self.begins_at = self.at

    def reset(self) -> None:
        self.at = self.begins_at


class Blind(Arm):
    """Observes nothing that the action names."""

    features = {key: {**value, "names": value["names"][:2], "shape": [2]} for key, value in Arm.features.items()}
    features["observation.state"] = {"dtype": "float32", "shape": [2], "names": ["x", "y"]}

    def act(self, action: Any) -> Any:
        self.sent.append((clock.monotonic(), [float(value) for value in action]))
        return action


class Bench:
    """A machine with this arm, and browsers that speak to its teleoperator as its link does."""

    def __init__(self, spool: Path, arm: Arm, teleoperator: dict[str, Any], rest: dict[str, Any] | None = None) -> None:
        self.arm = arm
        registry = Registry()
        registry.add("robot", "arm", lambda context, options: arm)
        values = {
            "rig": {"name": "bench", "fps": FPS},
            "robot": {"kind": "arm", **(rest or {})},
            "teleoperator": {"kind": "browser", **teleoperator},
        }
        self.machine = Machine(Rig(parse_config(values, "rig.toml"), spool, registry=registry))
        self.numbers = itertools.count()
        self.clock: dict[Sender, float] = {}

    def say(self, sender: Sender = OLGA, **body: Any) -> dict[str, Any]:
        """One message of this browser, with the newest clock that it had."""
        body = {"seq": next(self.numbers), "echo": self.clock.get(sender), **body}
        answer = self.machine.rig.inputs.offer("teleoperator", sender, body)
        if "echo" in body:
            self.clock[sender] = answer["clock"]
        return answer

    def press(self, sender: Sender = OLGA, **body: Any) -> dict[str, Any]:
        """Let go, and hold again: the first message of somebody who has just come."""
        self.say(sender, hold=False)
        return self.say(sender, hold=True, **body)

    def hold_until(self, true: Callable[[], Any], sender: Sender = OLGA, **body: Any) -> None:
        """Hold, and say so every 10 ms."""

        def step() -> bool:
            if self.say(sender, hold=True, **body)["state"] == "release":  # this machine was away for a second
                self.say(sender, hold=False)
            return bool(true())

        until(step)

    def newest(self) -> list[float]:
        return self.arm.sent[-1][1]

    def ticks(self, count: int = 3) -> None:
        """Wait for so many further ticks of the loop."""
        wanted = len(self.arm.sent) + count
        until(lambda: len(self.arm.sent) >= wanted)


MakeBench = Callable[..., Bench]
