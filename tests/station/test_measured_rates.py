"""The rate that a camera really delivers at a size, beside what it lists; nobody is kept from the camera by it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from robotdata.video.jpeg import encode_jpeg
from tests.station.conftest import CAMERA, Station, sim, station_at
from tests.support.fake_v4l2 import FakeV4l2

SIZE = {"width": 640, "height": 480}
LISTED, SLOW = 30, 5


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> FakeV4l2:
    return FakeV4l2(tmp_path_factory.mktemp("v4l2"))


@pytest.fixture
async def usb(tmp_path: Path, bench: FakeV4l2) -> AsyncIterator[Station]:
    async with station_at(tmp_path) as made:
        made.environment |= {key: bench.env()[key] for key in ("LD_PRELOAD", "FAKE_V4L2")}
        yield await made.start()


@pytest.fixture
def camera(bench: FakeV4l2) -> Path:
    """A camera that lists 30 frames a second, and delivers 5."""
    device = bench.plug("video0", [f"MJPG 640 480 {LISTED}"], [encode_jpeg(np.full((480, 640, 3), 90, np.uint8))])
    bench.mark(device, "slow")
    return device


async def test_a_camera_that_lists_more_than_it_delivers_is_measured(usb: Station, camera: Path) -> None:
    url = f"v4l2:{camera}"
    await usb.web.get("preview", url=url)  # a page looks at it, and gets its picture again afterwards
    measured = await usb.web.get("measure_rate", url=url, fps=LISTED, **SIZE)
    assert 0 < measured["fps"] < LISTED / 2 and 1 <= measured["frames"] <= SLOW * 8
    assert (await usb.web.get("preview", url=url))["width"] == 640
    error = await usb.web.refusal("measure_rate", url=url, fps=LISTED, width=1280, height=720)
    assert error["code"] == "no_picture" and "1280x720" in error["message"]


async def test_a_rig_that_is_started_takes_its_camera_from_a_measurement(usb: Station, camera: Path) -> None:
    url = f"v4l2:{camera}"
    table = f'[cameras.front]\nkind = "pyav"\nurl = "{url}"\nwidth = 640\nheight = 480\n'
    await usb.web.get("write_rig", name="bench", text=sim().replace(CAMERA, table), version=None)
    measuring = asyncio.create_task(usb.web.ask("measure_rate", url=url, fps=LISTED, **SIZE))
    await asyncio.sleep(0)
    await usb.web.get("start_rig", name="bench")
    answer = await measuring
    assert answer["ok"] or answer["error"]["code"] in ("busy", "in_use")
    await usb.web.in_state("bench", "running")
    refusal = await usb.web.refusal("measure_rate", url=url, fps=LISTED, **SIZE)
    assert refusal["code"] == "in_use" and "rig bench" in refusal["message"]


@pytest.mark.parametrize("wrong", [{"fps": 0}, {"fps": "30"}, {"width": 640.5}, {"height": None}, {"fps": True}])
async def test_what_is_no_size_or_rate_is_refused(station: Station, wrong: dict[str, object]) -> None:
    args = {"url": "v4l2:/dev/video99", "fps": 30, **SIZE} | wrong
    error = await station.web.refusal("measure_rate", **args)
    assert error["code"] == "bad_args" and next(iter(wrong)) in error["message"]
