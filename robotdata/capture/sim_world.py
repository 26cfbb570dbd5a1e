"""Simulate a small arm on a table with coloured objects: enough physics to pick, carry and push them.

Lengths are metres, x forward from the arm's base, y to its left, z up; joints are degrees, the gripper 0
(closed) to 100 (open).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
LOW = np.array([-110, -100, -150, -110, -170, 0], np.float32)
HIGH = np.array([110, 100, 150, 110, 170, 100], np.float32)
REST = np.array([0, -60, 95, 55, 0, 20], np.float32)
SPEED = np.array([150, 150, 180, 200, 250, 260], np.float32)  # degrees per second; the gripper percent per second
SHOULDER_Z, UPPER, FORE, HAND = 0.10, 0.19, 0.18, 0.11
TABLE = (0.02, 0.56, -0.36, 0.36)  # x from, x to, y from, y to
REACH = (0.16, 0.40)
_GRASP_M, _PUSH_Z, _FINGER = 0.035, 0.05, 0.018


@dataclass(frozen=True, slots=True)
class Thing:
    """An object on the table: the centre of its base and half its width in metres, its rotation in radians."""

    kind: str
    colour: tuple[int, int, int]
    x: float
    y: float
    z: float
    half: float
    turn: float


@dataclass(frozen=True, slots=True)
class Scene:
    """An immutable state of the world, which cameras draw without a lock.

    `joints` float32 (6,), `held` the index of the thing in the gripper, `step` the number of steps so far.
    """

    joints: NDArray[np.float32]
    things: tuple[Thing, ...]
    held: int | None
    step: int


def forward_kinematics(joints: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return base, shoulder, elbow, wrist and finger tip, float64 (5, 3) in metres, for joints in degrees."""
    pan, lift, elbow, wrist = np.deg2rad(joints[:4].astype(np.float64))
    points = np.zeros((5, 3))
    points[1] = (0, 0, SHOULDER_Z)
    pitch, reach, z = np.pi / 2 - lift, 0.0, SHOULDER_Z
    for index, (length, bend) in enumerate(((UPPER, 0.0), (FORE, elbow), (HAND, wrist)), start=2):
        pitch -= bend
        reach += length * np.cos(pitch)
        z += length * np.sin(pitch)
        points[index] = (reach * np.cos(pan), reach * np.sin(pan), z)
    return points


def inverse_kinematics(x: float, y: float, z: float) -> NDArray[np.float32]:
    """Return the first four joints, float32 (4,) in degrees, that move the finger tip to a point (metres), hand down.

    A point out of reach is replaced by the nearest one within reach. The elbow follows from the law of cosines.
    """
    pan = np.arctan2(y, x)
    r = float(np.clip(np.hypot(x, y), 0.08, UPPER + FORE - 0.01))
    height = z + HAND - SHOULDER_Z
    distance = float(np.clip(np.hypot(r, height), 0.06, UPPER + FORE - 1e-3))
    inner = np.arccos(np.clip((UPPER**2 + FORE**2 - distance**2) / (2 * UPPER * FORE), -1, 1))
    at_shoulder = np.arccos(np.clip((UPPER**2 + distance**2 - FORE**2) / (2 * UPPER * distance), -1, 1))
    pitch = np.arctan2(height, r) + at_shoulder
    elbow = np.pi - inner
    wrist = pitch - elbow + np.pi / 2
    return np.rad2deg([pan, np.pi / 2 - pitch, elbow, wrist]).astype(np.float32)


class World:
    """The world of a simulated rig; any thread may read `scene`."""

    def __init__(self, seed: int = 0) -> None:
        self._rng = np.random.default_rng(seed)
        self._lock = threading.Lock()
        self._target = REST.copy()
        self.scene = Scene(REST.copy(), self._things(), None, 0)

    def command(self, target: NDArray[np.float32]) -> NDArray[np.float32]:
        """Set the joints' target, float32 (6,); return it clipped to the joint limits."""
        limited = np.clip(target, LOW, HIGH).astype(np.float32)
        with self._lock:
            self._target = limited
        return limited

    def step(self, dt_s: float) -> Scene:
        """Simulate `dt_s` seconds; return the new scene."""
        with self._lock:
            before = self.scene
            error = self._target - before.joints
            limit = SPEED * dt_s
            joints = before.joints + np.clip(error * min(1.0, 14 * dt_s), -limit, limit).astype(np.float32)
            tip = forward_kinematics(joints)[4]
            held = self._held(before, joints, tip)
            things = [self._moved(thing, index == held, tip, joints) for index, thing in enumerate(before.things)]
            things = _apart(things, held)
            self.scene = Scene(joints, tuple(things), held, before.step + 1)
            return self.scene

    def _held(self, before: Scene, joints: NDArray[np.float32], tip: NDArray[np.float64]) -> int | None:
        closing = joints[5] < 45
        if before.held is not None:
            return before.held if closing else None
        if not closing or before.joints[5] <= joints[5] + 0.2:
            return None
        near = [
            (np.hypot(thing.x - tip[0], thing.y - tip[1]), index)
            for index, thing in enumerate(before.things)
            if tip[2] < thing.z + 2 * thing.half + 0.01
        ]
        return min(near)[1] if near and min(near)[0] < _GRASP_M else None

    def _moved(self, thing: Thing, held: bool, tip: NDArray[np.float64], joints: NDArray[np.float32]) -> Thing:
        if held:
            turn = float(np.deg2rad(joints[0] + joints[4]))
            return _put(thing, float(tip[0]), float(tip[1]), max(0.0, float(tip[2]) - thing.half), turn)
        x, y, z = thing.x, thing.y, max(0.0, thing.z - 0.03)
        away = np.array([x - tip[0], y - tip[1]])
        gap = float(np.hypot(*away))
        if tip[2] < _PUSH_Z and joints[5] < 45 and gap < thing.half + _FINGER:
            away = away / gap if gap > 1e-6 else np.array([1.0, 0.0])
            x, y = (np.array(tip[:2]) + away * (thing.half + _FINGER)).tolist()
        return _put(thing, x, y, z, thing.turn)

    def _things(self) -> tuple[Thing, ...]:
        looks = [
            ("cube", (214, 62, 58), 0.021),
            ("cube", (46, 118, 208), 0.019),
            ("disc", (240, 178, 46), 0.022),
            ("disc", (58, 160, 98), 0.020),
        ]
        things = []
        for index, (kind, colour, half) in enumerate(looks):
            angle = np.deg2rad(-55 + 36 * index + self._rng.uniform(-8, 8))
            reach = self._rng.uniform(*REACH)
            x, y = reach * np.cos(angle), reach * np.sin(angle)
            things.append(Thing(kind, colour, x, y, 0.0, half, self._rng.uniform(0, 1.5)))
        return tuple(things)


def _put(thing: Thing, x: float, y: float, z: float, turn: float) -> Thing:
    x = min(max(x, TABLE[0] + 0.05), TABLE[1] - 0.05)
    y = min(max(y, TABLE[2] + 0.05), TABLE[3] - 0.05)
    return Thing(thing.kind, thing.colour, x, y, z, thing.half, turn)


def _apart(things: list[Thing], held: int | None) -> list[Thing]:
    """Return the objects with those that overlap pushed apart; the held one stays."""
    for i, one in enumerate(things):
        for j, other in enumerate(things):
            if i == j or held in (i, j):
                continue
            away = np.array([other.x - one.x, other.y - one.y])
            gap, needed = float(np.hypot(*away)), one.half + other.half
            if 1e-6 < gap < needed:
                x, y = np.array([one.x, one.y]) + away / gap * needed
                things[j] = _put(other, float(x), float(y), other.z, other.turn)
    return things
