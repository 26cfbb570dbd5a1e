from __future__ import annotations

import numpy as np
import pytest

from robotdata.capture.health import CameraHealth, classify_colour, classify_depth
from robotdata.video.jpeg import encode_jpeg

SECOND = 1_000_000_000
CHANCE = np.random.default_rng(0)


def noise() -> bytes:
    return encode_jpeg(CHANCE.integers(0, 255, (64, 64, 3), dtype=np.uint8))


def plain(value: int) -> bytes:
    return encode_jpeg(np.full((64, 64, 3), value, np.uint8))


def fed(packets: list[bytes], every_ns: int = SECOND // 30) -> tuple[CameraHealth, int]:
    health, now = CameraHealth(30, 0), 0
    for packet in packets:
        now += every_ns
        health.add(packet, now)
    return health, now


def test_it_finds_nothing_wrong_with_a_moving_picture() -> None:
    health, now = fed([noise() for _ in range(60)])
    assert health.state(now) == "ok"
    assert health.age_s(now) == 0


@pytest.mark.parametrize(("late_ns", "state"), [(90_000_000, "ok"), (110_000_000, "stale"), (2_100_000_000, "lost")])
def test_it_says_after_three_periods_that_nothing_comes(late_ns: int, state: str) -> None:
    health, now = fed([noise() for _ in range(10)])
    assert health.state(now + late_ns) == state


def test_it_says_that_a_picture_repeats_itself() -> None:
    packet = noise()
    health, now = fed([packet] * 29)
    assert health.state(now) == "ok"
    for _ in range(4):
        now += SECOND // 30
        health.add(packet, now)
    assert health.state(now) == "frozen"
    health.add(noise(), now + 1)
    assert health.state(now + 1) == "ok"


@pytest.mark.parametrize(("value", "state"), [(0, "black"), (128, "flat")])
def test_it_says_that_there_is_nothing_to_see(value: int, state: str) -> None:
    health, now = fed([plain(value)] * 28)
    assert health.state(now) == state


def picture(kind: str, height: int, width: int) -> np.ndarray:
    if kind == "room":
        return CHANCE.integers(0, 255, (height, width, 3), dtype=np.uint8)
    if kind == "ramp":  # as dark as a room at night, from left to right
        row = np.linspace(8, 60, width)[None, :, None]
        return np.broadcast_to(row, (height, width, 3)).astype(np.uint8)
    level = {"lens cap": 3, "wall": 120}[kind]
    return np.clip(level + CHANCE.normal(0, 2, (height, width, 3)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("height", "width"), [(480, 640), (720, 1280), (131, 64), (64, 64), (7, 33)])
@pytest.mark.parametrize(("kind", "state"), [("room", "ok"), ("ramp", "ok"), ("lens cap", "black"), ("wall", "flat")])
def test_it_judges_an_image_as_it_judges_the_jpeg_of_it(kind: str, state: str, height: int, width: int) -> None:
    image = picture(kind, height, width)
    assert classify_colour(b"never decoded", image) == classify_colour(encode_jpeg(image)) == state


@pytest.mark.parametrize(
    ("background", "rows", "columns"),
    [(60, slice(72, 122), slice(300, 500)), (2, slice(136, 176), slice(0, 640)), (60, slice(470, 480), slice(0, 640))],
    ids=["an object", "a lit band", "the last rows"],
)
def test_it_sees_what_lies_anywhere_in_an_image(background: int, rows: slice, columns: slice) -> None:
    image = np.full((480, 640, 3), background, np.uint8)
    image[rows, columns] = 255
    assert classify_colour(b"never decoded", image) == classify_colour(encode_jpeg(image)) == "ok"


def test_it_judges_depth_by_the_image_too() -> None:
    assert classify_depth(b"never decoded", np.zeros((48, 64), np.uint16)) == "black"
    assert classify_depth(b"never decoded", np.full((48, 64), 900, np.uint16)) == "ok"


def test_it_forgives_one_dark_moment() -> None:
    health, now = fed([plain(0) if 12 < i < 15 else noise() for i in range(60)])
    assert health.state(now) == "ok"


def test_it_remembers_why_a_camera_is_gone() -> None:
    health, now = fed([noise()])
    health.fail("unplugged")
    assert (health.state(now), health.failed) == ("lost", "unplugged")


@pytest.mark.parametrize(("hz", "slow"), [(30, False), (27, False), (20, True), (5, True), (1.5, True)])
def test_it_says_how_slow_a_camera_is(hz: float, slow: bool) -> None:
    packets = [noise() for _ in range(round(hz * 6))]
    health, _ = fed(packets, round(SECOND / hz))
    assert (health.slow_fps is not None) == slow
    assert health.slow_fps is None or health.slow_fps == pytest.approx(hz, rel=0.05)


def test_it_measures_anew_once_a_camera_is_back_or_quicker() -> None:
    health, now = fed([noise() for _ in range(40)], SECOND // 10)
    assert health.slow_fps is not None
    health.add(noise(), now + 3 * SECOND)
    assert health.slow_fps is None
    health, now = fed([noise() for _ in range(40)], SECOND // 10)
    for n in range(200):
        health.add(plain(n), now + (n + 1) * SECOND // 30)
    assert health.slow_fps is None


def test_it_judges_by_the_images_alone_where_frames_are_skipped() -> None:
    still, health = noise(), CameraHealth(30, 0)
    for n in range(1, 75):
        now = n * SECOND // 30
        health.count_arrival(now)
        if n % 36 == 0:  # an image every 1.2 s
            health.add(still, now)
        assert health.state(now) == ("ok" if n < 72 else "frozen")
    health.add(noise(), now)
    assert (health.state(now), health.frames) == ("ok", 77)
    assert (health.state(now + SECOND // 5), health.state(now + 3 * SECOND)) == ("stale", "lost")
