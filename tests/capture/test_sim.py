from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from robotdata.capture.devices import DeviceContext
from robotdata.capture.options import Options
from robotdata.capture.sim import SimRobot, make_autopilot, make_camera, make_robot
from robotdata.capture.sim_draw import Box, Painter
from robotdata.capture.sim_shapes import EYES, Part
from robotdata.capture.sim_world import HIGH, LOW, REST, Scene, Thing, World, forward_kinematics, inverse_kinematics


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


def scene_of(*things: Thing, joints: np.ndarray = REST) -> Scene:
    return Scene(joints, things, None, 0)


def pixel_of(view: str, point: tuple[float, float, float], width: int, height: int) -> tuple[int, int]:
    """Return column and row of a point (metres), by the textbook's formula of a pinhole camera."""
    eye, target, focal = EYES[view]
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, [0, 0, 1])
    right /= np.linalg.norm(right)
    x, y, depth = np.stack([right, np.cross(forward, right), forward]) @ (np.array(point) - eye)
    return int(width / 2 + focal * width * x / depth), int(height / 2 + focal * width * y / depth)


RED, GREEN = (214, 62, 58), (58, 160, 98)
CUBE = Thing("cube", RED, 0.30, 0.24, 0.0, 0.021, 0.4)
DISC = Thing("disc", GREEN, 0.42, -0.20, 0.0, 0.020, 0.0)


@pytest.mark.parametrize("view", ["front", "top"])
@pytest.mark.parametrize("thing", [CUBE, DISC])
def test_an_object_is_drawn_in_its_colour_at_its_place_with_a_shadow_beside_it(view: str, thing: Thing) -> None:
    painter = Painter(view, 640, 480)
    bare, image = (painter.draw(scene_of(*things)).astype(int) for things in ((), (thing,)))
    column, row = pixel_of(view, (thing.x, thing.y, thing.z + 2 * thing.half), 640, 480)
    assert np.abs(image[row, column] - np.array(thing.colour) * 1.08).max() < 3
    # The light comes from behind and from the left: a shadow's middle is 0.35 forward, 0.25 to the right per metre.
    ground = thing.x + 0.35 * thing.half + thing.half * 1.3, thing.y - 0.25 * thing.half, 0.0
    column, row = pixel_of(view, ground, 640, 480)
    assert (bare[row, column] - image[row, column] > 3).all()
    rows, columns = np.nonzero((image != bare).any(axis=2))
    assert np.ptp(rows) < 80 and np.ptp(columns) < 80, "nothing else differs"


@pytest.mark.parametrize("view", ["front", "top"])
def test_each_joint_is_drawn_where_the_arm_has_it(view: str) -> None:
    joints = np.array([40, 45, 15, 80, 0, 20], np.float32)
    image = Painter(view, 640, 480).draw(scene_of(joints=joints)).astype(int)
    points = forward_kinematics(joints)
    for link in range(1, 3):  # the first one is short and hidden by the balls of its joints
        column, row = pixel_of(view, tuple(points[link : link + 2].mean(axis=0)), 640, 480)
        red, green, blue = image[row, column]
        assert red > 180 and 100 < green < red and blue < 80, f"no orange at link {link}"
    column, row = pixel_of(view, tuple(points[3]), 640, 480)
    assert image[row, column].max() < 140 and np.ptp(image[row, column]) < 30, "no grey metal at the wrist"


def test_what_is_nearer_hides_what_is_farther() -> None:
    joints = REST.copy()
    joints[:4] = inverse_kinematics(0.38, 0.0, 0.10)
    elbow, wrist = forward_kinematics(joints)[2:4]
    below = Thing("cube", RED, *((elbow + wrist)[:2] / 2).tolist(), 0.0, 0.02, 0.0)
    column, row = pixel_of("top", tuple((elbow + wrist) / 2), 640, 480)
    painter = Painter("top", 640, 480)
    image, bare = painter.draw(scene_of(below, joints=joints)), painter.draw(scene_of(joints=joints))
    assert (image[row, column] == bare[row, column]).all()
    above = replace(below, z=0.7)
    column, row = pixel_of("top", (above.x, above.y, above.z + 2 * above.half), 640, 480)
    assert painter.draw(scene_of(above, joints=joints))[row, column, 0] > 200
    assert painter.draw(scene_of(above, joints=joints))[row, column, 1] < 100


def test_the_wrist_camera_sees_an_object_below_the_hand_and_none_behind_it() -> None:
    joints = REST.copy()
    joints[:4] = inverse_kinematics(0.25, 0.0, 0.10)
    painter = Painter("wrist", 640, 480)

    def red(x: float) -> int:
        image = painter.draw(scene_of(replace(CUBE, x=x, y=0.0), joints=joints)).astype(int)
        return int((image[:, :, 0] > image[:, :, 1:].max(axis=2) + 60).sum())

    assert red(0.28) > 2000
    assert red(0.05) == 0


@pytest.mark.parametrize("view", ["front", "top", "wrist"])
def test_an_image_depends_on_its_scene_only(view: str) -> None:
    painter = Painter(view, 320, 240)
    scenes = [scene for scene, _ in play(90)]
    first = painter.draw(scenes[0])
    kept = first.copy()
    second = painter.draw(scenes[-1])
    assert (first == kept).all() and first.flags.writeable, "each image is the caller's own"
    assert (painter.draw(scenes[0]) == kept).all()
    assert (Painter(view, 320, 240).draw(scenes[-1]) == second).all()


class _WholePainter(Painter):
    """A painter that draws each part in a box as large as the image."""

    def _box(self, part: Part) -> Box | None:
        return 0, 0, 320, 240


@pytest.mark.parametrize("view", ["front", "top", "wrist"])
def test_a_part_is_never_cut_off_by_its_box(view: str) -> None:
    painter, whole = Painter(view, 320, 240), _WholePainter(view, 320, 240)
    for scene, _ in play(600)[::20]:
        # Pillow computes the edges of a wide line in float32, so a pixel on an edge may depend on the box.
        assert (painter.draw(scene) != whole.draw(scene)).any(axis=2).sum() <= 5


def test_it_makes_a_frame_for_each_tick_when_it_is_asked_to() -> None:
    camera = make_camera(context(), Options({"sync": "tick", "barcode": True}, "x"))
    assert hasattr(camera, "grab")
    assert not hasattr(make_camera(context(), Options({}, "x")), "grab")
    assert SimRobot.robot_type == "sim_arm"
