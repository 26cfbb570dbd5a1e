"""A camera that is mounted sideways or upside down records upright pictures: `rotate` in the rig file."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from robotdata.capture.camera_thread import CameraThread
from robotdata.capture.config import CameraConfig, parse_config
from robotdata.capture.devices import DeviceContext, Picture
from robotdata.capture.errors import ConfigError, DeviceError
from robotdata.capture.registry import Registry
from robotdata.rig.rig import camera_context
from robotdata.video.barcode import Barcode, draw, read
from robotdata.video.depth.packets import depth_of_packet, depth_packet
from robotdata.video.jpeg import decode_jpeg, encode_jpeg

CODE = Barcode(4711, 42, 3)
WIDTH, HEIGHT = 320, 64
ANGLES = pytest.mark.parametrize("angle", [90, 180, 270])


def camera(**keys: Any) -> CameraConfig:
    table = {"kind": "sim", "width": WIDTH, "height": HEIGHT, **keys}
    devices = {"robot": {"kind": "sim"}, "teleoperator": {"kind": "autopilot"}}
    return parse_config({"rig": {"name": "x"}, **devices, "cameras": {"side": table}}, "x.toml").cameras[0]


def upright() -> np.ndarray:
    rgb = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    draw(rgb, CODE)
    return rgb


def depths() -> np.ndarray:
    mm = np.full((HEIGHT, WIDTH), 1200, np.uint16)
    draw(mm, CODE)
    return mm


def seen(picture: np.ndarray, angle: int) -> np.ndarray:
    """What a camera gives of `picture` that has to be turned clockwise by `angle` to be upright."""
    return np.ascontiguousarray(np.rot90(picture, angle // 90))


def stored(config: CameraConfig, picture: Picture) -> bytes:
    thread = CameraThread(config, Registry().camera("sim", camera_context(DeviceContext("x", 30), config, 0), _none()))
    frame = thread.make_frame(picture)
    assert frame is not None
    return frame.packet


def _none() -> Any:
    return camera().options


@ANGLES
@pytest.mark.parametrize("form", ["jpeg", "raw", "drawn on demand"])
def test_a_stored_picture_is_upright_and_has_the_size_of_the_rig_file(angle: int, form: str) -> None:
    own = seen(upright(), angle)
    picture = {
        "jpeg": Picture(1, packet=encode_jpeg(own)),
        "raw": Picture(1, rgb=own),
        "drawn on demand": Picture(1, render=lambda: own),
    }[form]
    image = decode_jpeg(stored(camera(rotate=angle), picture))
    assert image.shape == (HEIGHT, WIDTH, 3)
    assert read(image) == CODE


@ANGLES
@pytest.mark.parametrize("form", ["png", "raw", "with a channel"])
def test_depth_is_turned_without_loss(angle: int, form: str) -> None:
    own = seen(depths(), angle)
    picture = {
        "png": Picture(1, packet=depth_packet(own)),
        "raw": Picture(1, depth=own),
        "with a channel": Picture(1, depth=own[..., None]),
    }[form]
    image = depth_of_packet(stored(camera(rotate=angle, depth=True), picture))
    assert np.array_equal(image, depths())


@pytest.mark.parametrize(("angle", "size"), [(0, (320, 64)), (90, (64, 320)), (180, (320, 64)), (270, (64, 320))])
def test_a_driver_is_asked_for_the_size_before_the_turn(angle: int, size: tuple[int, int]) -> None:
    config = camera(rotate=angle)
    context = camera_context(DeviceContext("x", 30), config, 0)
    assert (context.width, context.height) == size
    assert config.feature["shape"] == [HEIGHT, WIDTH, 3]


def test_a_jpeg_that_need_not_be_turned_stays_as_it_came() -> None:
    packet = encode_jpeg(upright())
    assert stored(camera(rotate=0), Picture(1, packet=packet)) == packet


def test_a_jpeg_that_nobody_needs_is_not_turned() -> None:
    """Turning costs time; a rig that waits for its next take turns a picture every two seconds."""
    config = camera(rotate=180)
    thread = CameraThread(config, Registry().camera("sim", camera_context(DeviceContext("x", 30), config, 0), _none()))
    packet = encode_jpeg(seen(upright(), 180))
    frames = []
    for tick in range(60):
        frame = thread.make_frame(Picture(tick * 10**9 // 30 + 1, packet=packet))
        if frame is not None:
            thread.publish(frame)
            frames.append(frame)
    assert len(frames) == 1 and thread.health.frames == 60


@pytest.mark.parametrize("angle", [45, -90, 360, "90", True, 90.0])
def test_another_angle_is_refused(angle: Any) -> None:
    with pytest.raises(ConfigError, match=r"cameras\.side\.rotate: is .*want one of 0, 90, 180, 270"):
        camera(rotate=angle)


def test_a_camera_whose_sides_were_not_exchanged_says_both_sizes(tmp_path: Any) -> None:
    with pytest.raises(DeviceError, match="sends 64x320 pixels, turned by `rotate`, want 320x64"):
        stored(camera(rotate=90), Picture(1, rgb=upright()))
    (tmp_path / "film.mjpeg").write_bytes(encode_jpeg(upright()) * 3)
    config = camera(kind="pyav", url=str(tmp_path / "film.mjpeg"), rotate=90)
    driver = Registry().camera("pyav", camera_context(DeviceContext("x", 30), config, 0), config.options)
    driver.connect()
    try:
        with pytest.raises(DeviceError, match="64x320 .*turned.*asks for 320x64; set width = 64"):
            driver.read()
    finally:
        driver.disconnect()


def test_a_browser_turns_its_pictures_itself() -> None:
    config = camera(kind="browser", rotate=90)
    with pytest.raises(ConfigError, match=r"side\.rotate: .*turn the device"):
        Registry().camera("browser", camera_context(DeviceContext("x", 30), config, 0), config.options)
