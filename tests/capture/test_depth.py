from __future__ import annotations

import time

import numpy as np
import pytest

from robotdata.capture.camera_thread import CameraThread
from robotdata.capture.config import CameraConfig, parse_config
from robotdata.capture.devices import DeviceContext, Picture
from robotdata.capture.errors import ConfigError
from robotdata.capture.health import CameraHealth, classify_depth
from robotdata.capture.options import Options
from robotdata.capture.pyav_camera import make_camera
from robotdata.capture.records import CameraFrame
from robotdata.capture.sim_depth import DepthPainter
from robotdata.capture.sim_world import World
from robotdata.video.depth.packets import depth_of_packet, depth_packet
from robotdata.video.depth.scale import DepthScale
from robotdata.video.jpeg import encode_jpeg

WALL = np.full((48, 64), 1200, np.uint16)


def rig(**camera: object) -> CameraConfig:
    table = {"kind": "sim", "width": 64, "height": 48, **camera}
    values = {"rig": {"name": "x"}, "robot": {"kind": "sim"}, "teleoperator": {"kind": "autopilot"}}
    return parse_config({**values, "cameras": {"far": table}}, "x.toml").cameras[0]


def thread(config: CameraConfig, *script: Picture) -> tuple[CameraThread, list[CameraFrame]]:
    """The thread after it has read all of the script."""

    class Scripted:
        def __init__(self) -> None:
            self.left = list(script)

        def connect(self) -> None: ...

        def read(self) -> Picture:
            while not self.left:
                time.sleep(0.005)
            return self.left.pop(0)

        def disconnect(self) -> None: ...

    camera, kept = Scripted(), []
    made = CameraThread(config, camera)
    made.attach(lambda key, frame: kept.append(frame))
    made.start()
    end = time.monotonic() + 5
    while camera.left:
        assert time.monotonic() < end
        time.sleep(0.002)
    time.sleep(0.05)
    made.halt()
    return made, kept


def test_a_rig_says_which_cameras_give_depth_and_how_far() -> None:
    assert rig().depth is None and "info" not in rig().feature
    assert rig(depth=True).depth == DepthScale()
    camera = rig(depth=True, depth_min=0, depth_max=4.095, use_log=False)
    assert camera.depth == DepthScale(0, 4.095, use_log=False)
    assert camera.feature["shape"] == [48, 64, 1] and camera.feature["info"]["is_depth_map"] is True


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"depth": 3}, "cameras.far.depth: is 3, want true or false"),
        ({"depth": True, "depth_min": 2, "depth_max": 1}, r"cameras.far.depth_max: is 1 m, want more than depth_min"),
        ({"depth": True, "depth_max": 1e6}, "want a number from 0 to 1000"),
        ({"depth": True, "depth_min": 0, "shift": 0}, r"cameras.far.shift: depth_min=0.0, shift=0.0: their sum"),
    ],
)
def test_it_names_the_key_and_what_it_wants(keys: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        rig(**keys)


def test_a_kind_that_gives_colours_says_so() -> None:
    with pytest.raises(ConfigError, match="sends colour"):
        make_camera(DeviceContext("x", 30, "far", 64, 48, 30, depth=True), Options({"url": "a.mp4"}, "x"))


def test_depth_is_kept_to_the_millimetre_in_any_of_its_shapes() -> None:
    noisy = WALL + np.random.default_rng(0).integers(0, 900, WALL.shape).astype(np.uint16)
    pictures = [Picture(1, depth=noisy), Picture(2, depth=noisy[..., None]), Picture(3, packet=depth_packet(noisy))]
    _, kept = thread(rig(depth=True), *pictures)
    assert [frame.captured_ns for frame in kept] == [1, 2, 3]
    assert all((depth_of_packet(frame.packet) == noisy).all() for frame in kept)


@pytest.mark.parametrize(
    ("depth", "picture", "said"),
    [
        (True, Picture(1, rgb=np.zeros((48, 64, 3), np.uint8)), "sends colour"),
        (True, Picture(1, packet=encode_jpeg(np.zeros((48, 64, 3), np.uint8))), "sends colour"),
        (False, Picture(1, depth=WALL), "set `depth = true`"),
        (True, Picture(1, depth=WALL[:32]), "sends 64x32 pixels"),
    ],
)
def test_it_says_that_the_file_is_wrong(depth: bool, picture: Picture, said: str) -> None:
    camera, kept = thread(rig(depth=depth), picture)
    assert said in (camera.health.failed or "") and kept == []


def test_metres_are_not_taken_for_millimetres() -> None:
    camera, kept = thread(rig(depth=True), *[Picture(1, depth=(WALL / 1000).astype(np.float32))] * 12)
    assert kept == [] and "want depth in mm" in (camera.health.failed or "")


def test_a_wall_is_no_fault_and_nothing_measured_is() -> None:
    health = CameraHealth(30, 0, classify_depth)
    for n in range(60):
        health.add(depth_packet(WALL + n % 3), n * 33_000_000)
    assert health.state(60 * 33_000_000) == "ok"
    for n in range(60, 120):
        health.add(depth_packet(np.zeros_like(WALL)), n * 33_000_000)
    assert health.state(119 * 33_000_000) == "black"


@pytest.mark.parametrize("view", ["front", "top", "wrist"])
def test_the_simulated_one_sees_the_arm_before_the_table(view: str) -> None:
    painter, world = DepthPainter(view, 320, 240), World()
    one, two = painter.draw(world.scene).astype(int), painter.draw(world.scene).astype(int)
    assert one.shape == (240, 320) and (one != two).any(), "a sensor's noise is never the same"
    assert np.median(np.abs(one - two)) < 10
    world.command(np.array([60, -20, 40, 30, 0, 50], np.float32))
    for _ in range(60):
        world.step(1 / 30)
    assert (np.abs(painter.draw(world.scene).astype(int) - one) > 30).mean() > 0.005
