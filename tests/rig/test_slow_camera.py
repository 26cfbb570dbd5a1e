"""A network camera that is slower than the rig's file says: on its tile, in the terminal, and never in the way."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from robotdata.rig.status import Reporter
from robotdata.video.jpeg import encode_jpeg
from tests.rig.conftest import FRONT, Bench, until
from tests.support.http_camera import Camera, Handler, part


@pytest.fixture
def slow_camera() -> Iterator[Camera]:
    def answer(handler: Handler) -> None:
        handler.head("multipart/x-mixed-replace;boundary=b")
        chance = np.random.default_rng(0)
        while True:
            picture = encode_jpeg(chance.integers(0, 255, (64, 288, 3), dtype=np.uint8))
            handler.wfile.write(part(b"b", picture))
            time.sleep(0.1)

    camera = Camera(answer)
    yield camera
    camera.stop()


def test_it_says_that_a_network_camera_is_slower_than_the_rig_file_says(
    make_bench: Callable[..., Bench], slow_camera: Camera, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    bench = make_bench(camera={"kind": "pyav", "url": slow_camera.url})
    reporter = Reporter(bench.machine)

    def said() -> list[str]:
        found = reporter.status()["warnings"]
        return [each["text"] for each in found if (each["code"], each["camera"]) == ("slow", FRONT)]

    until(said)
    assert "front" in said()[0] and "60" in said()[0]
    until(lambda: "frames/s" in caplog.text)
    time.sleep(0.3)
    assert caplog.text.count("frames/s") == 1, "once, not at every look"
    assert reporter.status()["cannot_record"] == [], "it can be recorded with all the same"
    bench.machine.rig.cameras[0].stop()


def test_a_preflight_tells_how_slow_it_is(make_bench: Callable[..., Bench], slow_camera: Camera) -> None:
    bench = make_bench(camera={"kind": "pyav", "url": slow_camera.url})
    bench.do("preflight")
    until(lambda: bench.machine.state == "idle")
    checks = (Reporter(bench.machine).status()["preflight"] or {})["checks"]
    (front,) = [each for each in checks if each["camera"] == FRONT]
    assert front["level"] == "bad" and front["measured"]["target_hz"] == 60
    assert 0 < front["measured"]["rate_hz"] < 15 and "fps in the rig file" in front["remedy"]
    bench.machine.rig.cameras[0].stop()
