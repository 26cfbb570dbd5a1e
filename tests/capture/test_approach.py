"""A robot that was just connected goes slowly to its teleoperator, and follows it once it is there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from robotdata.capture.approach import Approach
from robotdata.capture.steering import Steering

FPS = 50
ARM = ("pan.pos", "lift.pos", "base.vel")
STATE = {"observation.state": np.array([5, 40, 100], np.float32)}  # lift, pan, and something else


def features(*states: str) -> dict[str, Any]:
    def of(names: tuple[str, ...]) -> dict[str, Any]:
        return {"dtype": "float32", "shape": [len(names)], "names": list(names)}

    return {"action": of(ARM), "observation.state": of(states)}


SEEN = features("lift.pos", "pan.pos", "other")


def approach(steering: Steering, requested: np.ndarray) -> np.ndarray:
    actions = [steering.action(STATE, requested)]
    while steering.approaching is not None:
        assert not steering.take_over()
        actions.append(steering.action(STATE, requested))
    return np.array(actions)


def test_it_goes_slowly_after_each_connection_and_then_follows() -> None:
    steering = Steering(None, SEEN, FPS, Approach(20, SEEN, FPS))
    leader = np.array([-50, 10, 0.5], np.float32)
    for _ in range(2):
        steering.forget()
        actions = approach(steering, leader)
        ways = np.abs(np.diff(np.vstack([[40, 5, 0.5], actions]), axis=0))
        assert ways[:, :2].max() * FPS <= 20 + 0.01 and np.array_equal(actions[-1], leader)
        assert np.all(actions[:, 2] == np.float32(0.5)), "a base has no way to go"
        assert len(actions) == pytest.approx(90 / 20 * FPS, abs=2)
        jump = np.array([50, -10, 0], np.float32)
        assert np.array_equal(steering.action(STATE, jump), jump), "from then on it follows"


def test_it_says_how_far_it_is() -> None:
    steering = Steering(None, SEEN, FPS, Approach(20, SEEN, FPS))
    assert steering.approaching is None
    steering.forget()
    steering.action(STATE, np.array([-50, 10, 9], np.float32))
    assert steering.approaching is not None
    joint, away = steering.approaching
    assert joint == "pan.pos" and away == pytest.approx(90 - 20 / FPS)


def test_it_follows_at_once_without_a_limit() -> None:
    steering = Steering(None, SEEN, FPS)
    steering.forget()
    leader = np.array([-50, 10, 0.5], np.float32)
    assert np.array_equal(steering.action(STATE, leader), leader)


def test_a_robot_that_does_not_see_its_joints_is_named() -> None:
    with pytest.raises(ValueError, match=r"lift\.pos"):
        Approach(20, features("pan.pos"), FPS)
