from __future__ import annotations

import numpy as np
import pytest

from robotdata.capture.devices import DeviceContext
from robotdata.capture.options import Options
from robotdata.capture.sim import SimRobot, make_autopilot, make_camera, make_robot
from robotdata.capture.sim_draw import Painter
from robotdata.capture.sim_world import HIGH, LOW, Scene, World, forward_kinematics, inverse_kinematics


def context(name: str = "front") -> DeviceContext:
    return DeviceContext("sim", 30, name=name, width=320, height=240, camera_fps=30)


def play(ticks: int, seed: int = 0) -> list[tuple[Scene, np.ndarray]]:
    shared = context()
    robot = make_robot(shared, Options({}, "x"))
    pilot = make_autopilot(shared, Options({"seed": seed}, "x"))
    seen = []
    for _ in range(ticks):
        action = robot.act(pilot.action(robot.observe()))
        seen.append((shared.shared["sim"].world.scene, action))
    return seen


def test_it_moves_as_a_real_arm_could() -> None:
    joints = np.array([scene.joints for scene, _ in play(900)])
    assert (joints >= LOW).all() and (joints <= HIGH).all()
    assert np.abs(np.diff(joints, axis=0)).max() < 10  # degrees in a thirtieth of a second
    assert np.ptp(joints[:, 0]) > 30


def test_it_carries_and_pushes_objects_and_keeps_them_on_the_table() -> None:
    scenes = [scene for scene, _ in play(1800)]
    assert 0.05 < np.mean([scene.held is not None for scene in scenes]) < 0.8
    first, last = scenes[0].things, scenes[-1].things
    assert max(np.hypot(a.x - b.x, a.y - b.y) for a, b in zip(first, last, strict=True)) > 0.05
    assert all(0 < thing.x < 0.56 and abs(thing.y) < 0.36 for scene in scenes for thing in scene.things)


def test_it_is_the_same_again_with_the_same_seed_only() -> None:
    one, again, other = play(200), play(200), play(200, seed=5)
    assert all((a[1] == b[1]).all() for a, b in zip(one, again, strict=True))
    assert any((a[1] != b[1]).any() for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("point", [(0.25, 0.1, 0.05), (0.2, -0.2, 0.12), (0.3, 0.0, 0.02)])
def test_it_reaches_a_point_with_its_hand_down(point: tuple[float, float, float]) -> None:
    joints = np.zeros(6, np.float32)
    joints[:4] = inverse_kinematics(*point)
    points = forward_kinematics(joints)
    assert points[4] == pytest.approx(point, abs=2e-3)
    assert points[3][:2] == pytest.approx(points[4][:2], abs=2e-3)


@pytest.mark.parametrize("view", ["front", "top", "wrist"])
def test_it_shows_that_something_moves(view: str) -> None:
    painter = Painter(view, 320, 240)
    scenes = [scene for scene, _ in play(120)]
    before, after = painter.draw(scenes[0]), painter.draw(scenes[-1])
    assert before.shape == (240, 320, 3) and before.dtype == np.uint8
    assert (before != after).any(axis=2).mean() > 0.005
    assert before.std() > 15


@pytest.mark.parametrize("size", [(32, 32), (640, 360), (64, 480)])
def test_it_draws_at_any_size(size: tuple[int, int]) -> None:
    for view in ("front", "top", "wrist"):
        assert Painter(view, *size).draw(World().scene).shape == (size[1], size[0], 3)


def test_it_makes_a_frame_for_each_tick_when_it_is_asked_to() -> None:
    camera = make_camera(context(), Options({"sync": "tick", "barcode": True}, "x"))
    assert hasattr(camera, "grab")
    assert not hasattr(make_camera(context(), Options({}, "x")), "grab")
    assert SimRobot.robot_type == "sim_arm"
