"""Sending a recording to a rig, beginning its replay, and what the robot did."""

from __future__ import annotations

from typing import Any

import numpy as np

from robotdata.capture.playback import Recording
from robotdata.rig.replay_args import parts_of
from robotdata.rig.states import State
from tests.rig.conftest import Bench

FPS = 60
NAMES = ("shoulder_pan.pos", "shoulder_lift.pos", "elbow_flex.pos", "wrist_flex.pos", "wrist_roll.pos", "gripper.pos")
POSE = np.array([0.0, -30.0, 60.0, 40.0, 0.0, 50.0])


class Acted:
    """What the simulated robot was asked to do, and by whom: a replay is recognised by what follows its first row."""

    def __init__(self, bench: Bench) -> None:
        self.actions: list[np.ndarray] = []
        driver = bench.machine.rig.loop._robot.driver
        act = driver.act

        def acted(action: Any) -> Any:
            self.actions.append(np.array(action, np.float64))
            return act(action)

        driver.act = acted

    def since(self, count: int) -> np.ndarray:
        return np.array(self.actions[count:])


def wave(rows: int = 30, fps: float = 30) -> Recording:
    """A recording of rows that all differ: the pan turns one way, faster and faster."""
    values = np.tile(POSE, (rows, 1))
    values[:, 0] = 1 + np.arange(rows) ** 2 / 40
    return Recording(NAMES, values.astype(np.float32), fps, values.min(axis=0), values.max(axis=0))


def send(bench: Bench, recording: Recording, rows: str = "r1") -> None:
    for part in parts_of(recording, rows):
        bench.do("replay_rows", **part)


def start(bench: Bench, recording: Recording | None = None, **args: Any) -> Acted:
    """Send rows and play them."""
    acted = Acted(bench)
    send(bench, recording or wave())
    bench.do("replay", **{"rows": "r1", "unwatched": True, **args})
    return acted


def holds(bench: Bench) -> bool:
    return bench.machine.state == State.HOLDING
