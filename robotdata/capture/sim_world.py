"""Simulate a small arm on a table with coloured objects: enough physics to pick, carry and push them.

Lengths are metres, x forward from the arm's base, y to its left, z up; joints are degrees, the gripper 0
(closed) to 100 (open).
"""

from __future__ import annotations

import math
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


Point = tuple[float, float, float]


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
    return np.array(arm_points(joints))


def arm_points(joints: NDArray[np.float32]) -> list[Point]:
    """Return the points of `forward_kinematics` as plain numbers."""
    # Plain floats: NumPy takes ten times as long for one number.
    pan, lift, elbow, wrist = (math.radians(joint) for joint in joints[:4].tolist())
    forward, left = math.cos(pan), math.sin(pan)
    points = [(0.0, 0.0, 0.0), (0.0, 0.0, SHOULDER_Z)]
    pitch, reach, z = math.pi / 2 - lift, 0.0, SHOULDER_Z
    for length, bend in ((UPPER, 0.0), (FORE, elbow), (HAND, wrist)):
        pitch -= bend
        reach += length * math.cos(pitch)
        z += length * math.sin(pitch)
        points.append((reach * forward, reach * left, z))
    return points


def inverse_kinematics(x: float, y: float, z: float) -> NDArray[np.float32]:
    """Return the first four joints, float32 (4,) in degrees, that move the finger tip to a point (metres), hand down.

    A point out of reach is replaced by the nearest one within reach. The elbow follows from the law of cosines.
    """
    pan = math.atan2(y, x)
    r = min(max(math.hypot(x, y), 0.08), UPPER + FORE - 0.01)
    height = z + HAND - SHOULDER_Z
    distance = min(max(math.hypot(r, height), 0.06), UPPER + FORE - 1e-3)
    inner = math.acos(min(max((UPPER**2 + FORE**2 - distance**2) / (2 * UPPER * FORE), -1), 1))
    at_shoulder = math.acos(min(max((UPPER**2 + distance**2 - FORE**2) / (2 * UPPER * distance), -1), 1))
    pitch = math.atan2(height, r) + at_shoulder
    elbow = math.pi - inner
    wrist = pitch - elbow + math.pi / 2
    return np.array([math.degrees(each) for each in (pan, math.pi / 2 - pitch, elbow, wrist)], np.float32)


class World:
    """The world of a simulated rig; any thread may read `scene`."""

    def __init__(self, seed: int = 0) -> None:
        self._rng = np.random.default_rng(seed)
        self._lock = threading.Lock()
        self._target = REST.copy()
        self.scene = Scene(REST.copy(), self._things(), None, 0)

    def command(self, target: NDArray[np.float32]) -> NDArray[np.float32]:
        """Set the joints' target, float32 (6,); return it clipped to the joint limits."""
        limited: NDArray[np.float32] = np.minimum(np.maximum(target, LOW), HIGH).astype(np.float32)
        with self._lock:
            self._target = limited
        return limited

    def step(self, dt_s: float) -> Scene:
        """Simulate `dt_s` seconds; return the new scene."""
        with self._lock:
            before = self.scene
            way = (self._target - before.joints) * min(1.0, 14 * dt_s)
            limit = SPEED * dt_s
            joints = before.joints + np.minimum(np.maximum(way, -limit), limit)  # quicker than np.clip
            tip = arm_points(joints)[4]
            held = self._held(before, joints, tip)
            things = [self._moved(thing, index == held, tip, joints) for index, thing in enumerate(before.things)]
            things = _apart(things, held)
            self.scene = Scene(joints, tuple(things), held, before.step + 1)
            return self.scene

    def _held(self, before: Scene, joints: NDArray[np.float32], tip: Point) -> int | None:
        closing = joints[5] < 45
        if before.held is not None:
            return before.held if closing else None
        if not closing or before.joints[5] <= joints[5] + 0.2:
            return None
        near = [
            (math.hypot(thing.x - tip[0], thing.y - tip[1]), index)
            for index, thing in enumerate(before.things)
            if tip[2] < thing.z + 2 * thing.half + 0.01
        ]
        return min(near)[1] if near and min(near)[0] < _GRASP_M else None

    def _moved(self, thing: Thing, held: bool, tip: Point, joints: NDArray[np.float32]) -> Thing:
        if held:
            turn = float(np.deg2rad(joints[0] + joints[4]))
            return _put(thing, tip[0], tip[1], max(0.0, tip[2] - thing.half), turn)
        x, y, z = thing.x, thing.y, max(0.0, thing.z - 0.03)
        away_x, away_y = x - tip[0], y - tip[1]
        gap = math.hypot(away_x, away_y)
        if tip[2] < _PUSH_Z and joints[5] < 45 and gap < thing.half + _FINGER:
            if gap <= 1e-6:
                away_x, away_y, gap = 1.0, 0.0, 1.0
            x = tip[0] + away_x / gap * (thing.half + _FINGER)
            y = tip[1] + away_y / gap * (thing.half + _FINGER)
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
            away_x, away_y = other.x - one.x, other.y - one.y
            gap, needed = math.hypot(away_x, away_y), one.half + other.half
            if 1e-6 < gap < needed:
                x, y = one.x + away_x / gap * needed, one.y + away_y / gap * needed
                things[j] = _put(other, x, y, other.z, other.turn)
    return things
