"""A V4L2 camera is read by FFmpeg and by us through the system's own calls; only the device's answers are made up."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robotdata.video.barcode import Barcode, draw, read
from robotdata.video.jpeg import decode_jpeg, encode_jpeg
from tests.support.fake_v4l2 import FakeV4l2

ROOT = Path(__file__).resolve().parents[2]
READ = """
import json, sys
from robotdata.video.live_source import LiveError, LiveSource

device, width, height, fps, wanted, folder, pull = sys.argv[1:]
source = LiveSource(f"v4l2:{device}", int(width), int(height), float(fps))
kinds, error = [], ""
try:
    source.open()
    for number in range(int(wanted)):
        if number == int(pull):
            open(f"{device}.gone", "w").close()
        pixels, packet = source.read()
        kinds.append("jpeg" if packet else "pixels")
        with open(f"{folder}/{number}", "wb") as out:
            out.write(packet or pixels.tobytes())
except LiveError as failure:
    error = str(failure)
source.close()
print(json.dumps({"kinds": kinds, "error": error}))
"""
ASK = """
import sys
from robotdata.video.v4l2 import capability_from, list_modes, open_ioctl

with open_ioctl(sys.argv[1]) as ioctl:
    print(capability_from(ioctl))
for mode in list_modes(sys.argv[1]):
    print(mode.code, int(mode.width.low), int(mode.height.low), [rate.high for rate in mode.rates])
"""
ReadFrames = Callable[..., tuple[dict[str, Any], list[bytes]]]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> FakeV4l2:
    return FakeV4l2(tmp_path_factory.mktemp("v4l2"))


@pytest.fixture
def frames(bench: FakeV4l2, tmp_path: Path) -> ReadFrames:
    """Reads frames of a device in a program of its own; returns what it said, and each frame."""

    def run(device: Path, width: int, height: int, wanted: int, *, fps: float = 30, pull: int = -1) -> Any:
        words = [str(each) for each in (device, width, height, fps, wanted, tmp_path, pull)]
        command = [sys.executable, "-c", READ, *words]
        done = subprocess.run(command, env=bench.env(), cwd=ROOT, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        return said, [(tmp_path / str(number)).read_bytes() for number in range(len(said["kinds"]))]

    return run


def picture(number: int) -> Any:
    rgb = np.full((240, 320, 3), 90, np.uint8)
    draw(rgb, Barcode(number, 7, 0))
    return rgb


def yuyv(number: int) -> bytes:
    """A barcode as packed 4:2:2: black and white need no colour."""
    luma = picture(number)[..., 0].astype(np.uint16) * 219 // 255 + 16
    packed = np.full((240, 320, 2), 128, np.uint8)
    packed[..., 0] = luma
    return packed.tobytes()


def test_jpegs_come_as_the_camera_sent_them_each_once(bench: FakeV4l2, frames: ReadFrames) -> None:
    jpegs = [encode_jpeg(picture(number)) for number in range(200)]
    device = bench.plug("video0", ["YUYV 320 240 5", "MJPG 320 240 30", "MJPG 640 480 30"], jpegs)
    said, got = frames(device, 320, 240, 12)
    assert said == {"kinds": ["jpeg"] * 12, "error": ""}
    assert all(each in jpegs for each in got), "not a bit is another"
    numbers = [read(decode_jpeg(each)).tick for each in got]
    assert numbers == list(range(numbers[0], numbers[0] + 12))


def test_raw_pixels_are_converted_where_nothing_else_fits(bench: FakeV4l2, frames: ReadFrames) -> None:
    device = bench.plug("video2", ["YUYV 320 240 30", "MJPG 640 480 30"], [yuyv(number) for number in range(100)])
    said, got = frames(device, 320, 240, 6)
    assert said == {"kinds": ["pixels"] * 6, "error": ""}
    numbers = [read(np.frombuffer(each, np.uint8).reshape(240, 320, 3)).tick for each in got]
    assert numbers == list(range(numbers[0], numbers[0] + 6))


def test_it_says_its_name_and_what_it_offers(bench: FakeV4l2) -> None:
    device = bench.plug("video10", ["MJPG 640 480 30", "MJPG 640 480 15", "MJPG 320 240 60", "YUYV 320 240 30"], [])
    command = [sys.executable, "-c", ASK, str(device)]
    done = subprocess.run(command, env=bench.env(), cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.splitlines() == [
        "Capability(card='Stand-in Camera', captures=True)",
        "MJPG 640 480 [30.0, 15.0]",
        "MJPG 320 240 [60.0]",
        "YUYV 320 240 [30.0]",
    ]


def test_a_size_that_it_does_not_offer_is_refused_with_those_that_it_does(bench: FakeV4l2, frames: ReadFrames) -> None:
    device = bench.plug("video4", ["MJPG 640 480 30", "YUYV 1280 720 10"], [encode_jpeg(picture(0))])
    error = frames(device, 320, 240, 1)[0]["error"]
    assert "320x240" in error and "640x480 (mjpeg to 30/s)" in error and "1280x720 (yuyv to 10/s)" in error


def test_a_camera_that_is_unplugged_is_an_error_at_once(bench: FakeV4l2, frames: ReadFrames) -> None:
    device = bench.plug("video6", ["MJPG 320 240 30"], [encode_jpeg(picture(number)) for number in range(50)])
    said, got = frames(device, 320, 240, 60, pull=5)
    assert 5 <= len(got) < 50 and "No such device" in said["error"]


def test_a_camera_that_another_program_has_says_so(bench: FakeV4l2, frames: ReadFrames) -> None:
    device = bench.plug("video8", ["MJPG 320 240 30"], [encode_jpeg(picture(0))])
    bench.mark(device, "busy")
    assert "busy" in frames(device, 320, 240, 1)[0]["error"].lower()
