from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pytest
from PIL import Image

from robotdata.capture import camera_thread
from robotdata.capture.camera_thread import CameraThread
from robotdata.capture.config import CameraConfig
from robotdata.capture.devices import Picture
from robotdata.capture.errors import DeviceError
from robotdata.capture.options import Options
from robotdata.capture.records import CameraFrame
from robotdata.video.jpeg import encode_jpeg

CONFIG = CameraConfig("front", "scripted", 64, 48, 30, Options({}, "x"))


def gray(value: int, width: int = 64) -> np.ndarray:
    return np.full((48, width, 3), value, np.uint8)


class Scripted:
    """Gives the pictures of a script; an exception in it is raised; at its end it waits."""

    def __init__(self, *script: Picture | Exception) -> None:
        self.script = list(script)
        self.connected = self.disconnected = 0

    def connect(self) -> None:
        self.connected += 1

    def read(self) -> Picture:
        if not self.script:
            time.sleep(0.01)
            raise DeviceError("the script is at its end")
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    def disconnect(self) -> None:
        self.disconnected += 1


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.002)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., CameraThread]]:
    monkeypatch.setattr(camera_thread, "FIRST_PAUSE_S", 0.01)
    threads: list[CameraThread] = []

    def start(camera: Scripted, kept: list[CameraFrame] | None = None, *, watched: float = 0) -> CameraThread:
        threads.append(CameraThread(CONFIG, camera))
        if kept is not None:
            threads[-1].attach(lambda key, frame: kept.append(frame))
        threads[-1].watch(watched)
        threads[-1].start()
        return threads[-1]

    yield start
    for thread in threads:
        thread.stop()


def test_it_keeps_every_frame_once_and_in_order(run: Callable[..., CameraThread]) -> None:
    kept: list[CameraFrame] = []
    thread = run(Scripted(*(Picture(i, rgb=gray(i)) for i in range(20))), kept)
    until(lambda: len(kept) == 20)
    assert [(frame.seq, frame.captured_ns) for frame in kept] == [(i, i) for i in range(20)]
    assert thread.newest == kept[-1]


def test_it_passes_a_jpeg_through_as_it_came(run: Callable[..., CameraThread]) -> None:
    kept: list[CameraFrame] = []
    packet = encode_jpeg(gray(9), 60)
    run(Scripted(Picture(1, packet=packet)), kept)
    until(lambda: bool(kept))
    assert kept[0].packet == packet


def test_it_begins_a_take_with_the_frame_that_is_there(run: Callable[..., CameraThread]) -> None:
    kept: list[CameraFrame] = []
    thread = run(Scripted(Picture(1, rgb=gray(1)), Picture(2, rgb=gray(2))), [])
    until(lambda: thread.newest is not None and thread.newest.seq == 1)
    thread.attach(lambda key, frame: kept.append(frame))
    assert [frame.seq for frame in kept] == [1]


def test_it_connects_again_by_itself(run: Callable[..., CameraThread]) -> None:
    kept: list[CameraFrame] = []
    camera = Scripted(Picture(1, rgb=gray(1)), DeviceError("unplugged"), Picture(2, rgb=gray(2)))
    run(camera, kept)
    until(lambda: len(kept) == 2)
    assert [frame.seq for frame in kept] == [0, 1]
    assert camera.connected >= 2 and camera.disconnected >= 1


def test_it_lets_a_damaged_picture_go_and_counts_it(run: Callable[..., CameraThread]) -> None:
    kept: list[CameraFrame] = []
    thread = run(Scripted(Picture(1, packet=b"\xff\xd8junk"), Picture(2, rgb=gray(2))), kept)
    until(lambda: bool(kept))
    assert (kept[0].captured_ns, thread.bad_frames) == (2, 1)


def test_it_says_that_the_pictures_have_another_size(run: Callable[..., CameraThread]) -> None:
    kept: list[CameraFrame] = []
    camera = Scripted(Picture(1, rgb=gray(1)), Picture(2, rgb=gray(2, width=32)))
    thread = run(camera, kept)
    until(lambda: "32x48 pixels, want 64x48" in (thread.health.failed or "") or not camera.script)
    assert [frame.captured_ns for frame in kept] == [1]


def test_it_takes_no_grey_pictures_for_coloured_ones_however_often_they_come(run: Callable[..., CameraThread]) -> None:
    grey = io.BytesIO()
    Image.fromarray(gray(9)[..., 0]).save(grey, "JPEG")
    kept: list[CameraFrame] = []
    odd = [Picture(2 + n, packet=grey.getvalue()) for n in range(3)]
    thread = run(Scripted(Picture(1, packet=encode_jpeg(gray(1))), *odd, Picture(9, packet=encode_jpeg(gray(2)))), kept)
    until(lambda: len(kept) == 2)
    assert [frame.captured_ns for frame in kept] == [1, 9] and thread.newest == kept[-1]


class Rendered:
    """Three seconds of pictures at 30 frames/s that are drawn on demand, and the numbers of those that were."""

    def __init__(self) -> None:
        self.drawn: list[int] = []
        self.camera = Scripted(*(Picture(n * 10**9 // 30, render=partial(self._draw, n)) for n in range(1, 91)))

    def _draw(self, number: int) -> np.ndarray:
        self.drawn.append(number)
        return gray(number)


@pytest.mark.parametrize(("watched", "least", "most"), [(0, 1, 1), (5, 15, 20), (30, 90, 90), (240, 90, 90)])
def test_it_makes_no_more_images_than_are_watched(
    run: Callable[..., CameraThread], watched: float, least: int, most: int
) -> None:
    rendered = Rendered()
    thread = run(rendered.camera, watched=watched)
    until(lambda: thread.health.frames == 90)
    assert least <= len(rendered.drawn) <= most
    assert thread.newest is not None and thread.newest.seq == len(rendered.drawn) - 1


@pytest.mark.parametrize("why", ["recorded", "awake"])
def test_it_makes_every_image_that_a_take_needs(run: Callable[..., CameraThread], why: str) -> None:
    rendered = Rendered()
    thread = CameraThread(CONFIG, rendered.camera)
    thread.awake = why == "awake"
    if why == "recorded":
        thread.attach(lambda key, frame: None)
    for _ in range(90):
        frame = thread.make_frame(rendered.camera.read())
        assert frame is not None
        thread.publish(frame)
    assert len(rendered.drawn) == 90 and not thread.is_behind
