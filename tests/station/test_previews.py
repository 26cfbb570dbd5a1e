"""Pictures of cameras, as a station gives them: one after the other while somebody looks, and no camera is kept."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robotdata.video.barcode import Barcode, draw, read
from robotdata.video.jpeg import decode_jpeg, encode_jpeg, jpeg_size
from tests.station.conftest import CAMERA, Station, alive, sim, soon, station_at
from tests.support.fake_v4l2 import FakeV4l2

FRAMES = 300


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> FakeV4l2:
    return FakeV4l2(tmp_path_factory.mktemp("v4l2"))


@pytest.fixture(scope="module")
def camera(bench: FakeV4l2) -> Path:
    """A USB camera whose pictures are numbered."""
    frames = []
    for number in range(FRAMES):
        rgb = np.full((480, 640, 3), 90, np.uint8)
        draw(rgb, Barcode(number, 7, 0))
        frames.append(encode_jpeg(rgb))
    return bench.plug("video0", ["MJPG 640 480 30"], frames)


@pytest.fixture
async def usb(tmp_path: Path, bench: FakeV4l2) -> AsyncIterator[Station]:
    """A station on a computer that has the camera."""
    async with station_at(tmp_path) as made:
        made.environment |= {key: bench.env()[key] for key in ("LD_PRELOAD", "FAKE_V4L2")}
        yield await made.start()


def looking(station: Station) -> list[int]:
    """The ids of the station's children that have a camera open for a page."""
    assert station.process is not None
    found = []
    for pid in Path(f"/proc/{station.process.pid}/task/{station.process.pid}/children").read_text().split():
        with contextlib.suppress(OSError):  # it has ended meanwhile
            if b"station.preview" in Path(f"/proc/{pid}/cmdline").read_bytes() and alive(int(pid)):
                found.append(int(pid))
    return found


def number_of(preview: dict[str, Any]) -> int:
    return read(decode_jpeg(base64.b64decode(preview["jpeg"]))).tick


def picture(width: int, height: int) -> bytes:
    return encode_jpeg(np.full((height, width, 3), 128, np.uint8))


async def test_a_picture_of_a_camera_is_small_and_keeps_its_proportions(station: Station, tmp_path: Path) -> None:
    (tmp_path / "wide.mjpeg").write_bytes(picture(1280, 360) * 3)
    preview = await station.web.get("preview", url=str(tmp_path / "wide.mjpeg"))
    assert (preview["width"], preview["height"]) == (640, 180)
    assert jpeg_size(base64.b64decode(preview["jpeg"])) == (640, 180)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("/nowhere/film.mp4", "there is no such file"),
        ("v4l2:/dev/video99", "cannot be opened"),
        ("ftp://camera/", "scheme 'ftp'"),
        ("http://user:secret@127.0.0.1:9/", "cannot be opened"),
        ("a\nb", "want one line"),
    ],
)
async def test_a_camera_without_a_picture_says_why(station: Station, url: str, words: str) -> None:
    error = await station.web.refusal("preview", url=url)
    assert words in error["message"] and "secret" not in error["message"]


async def test_a_camera_that_another_process_has_is_not_opened(station: Station, tmp_path: Path) -> None:
    (tmp_path / "video0").touch()
    with (tmp_path / "video0").open("r+b"):
        error = await station.web.refusal("preview", url=f"v4l2:{tmp_path / 'video0'}")
    assert error["code"] == "in_use" and f"pid {os.getpid()}" in error["message"]


async def look(station: Station, camera: Path) -> tuple[int, int]:
    """Ask for pictures until the child that made one is seen; return the picture's number, and the child's id."""
    while True:
        preview = await station.web.get("preview", url=f"v4l2:{camera}")
        if pids := looking(station):  # empty if this machine was so slow that the camera is released again
            return number_of(preview), pids[0]


async def test_the_next_picture_is_newer_and_comes_from_the_camera_that_is_still_open(
    usb: Station, camera: Path
) -> None:
    numbers, pids = zip(*[await look(usb, camera) for _ in range(6)], strict=True)
    assert all(one != other for one, other in itertools.pairwise(numbers))
    assert len(set(pids)) < len(pids)


async def test_a_camera_is_released_once_nobody_looks(usb: Station, camera: Path) -> None:
    await usb.web.get("preview", url=f"v4l2:{camera}")
    await soon(lambda: not looking(usb))
    assert number_of(await usb.web.get("preview", url=f"v4l2:{camera}")) >= 0  # and opened again


async def test_a_child_that_hangs_keeps_its_camera_no_longer(usb: Station, camera: Path) -> None:
    _, pid = await look(usb, camera)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
    await soon(lambda: not alive(pid))


async def test_a_rig_that_is_started_gets_its_camera_and_no_page_takes_it(usb: Station, camera: Path) -> None:
    table = f'[cameras.front]\nkind = "pyav"\nurl = "v4l2:{camera}"\nwidth = 640\nheight = 480\n'
    await usb.web.get("write_rig", name="bench", text=sim().replace(CAMERA, table), version=None)
    _, pid = await look(usb, camera)
    await usb.web.get("start_rig", name="bench")
    assert not alive(pid)
    error = await usb.web.refusal("preview", url=f"v4l2:{camera}")
    assert error["code"] == "in_use" and "rig bench" in error["message"]
    assert not looking(usb)
    await usb.web.in_state("bench", "running")
    await usb.web.get("stop_rig", name="bench")
    assert number_of(await usb.web.get("preview", url=f"v4l2:{camera}")) >= 0


async def test_a_check_gets_the_camera_that_a_page_looks_at(usb: Station, camera: Path) -> None:
    table = f'[cameras.front]\nkind = "pyav"\nurl = "v4l2:{camera}"\nwidth = 640\nheight = 480\n'
    await usb.web.get("preview", url=f"v4l2:{camera}")
    checked = asyncio.create_task(usb.web.get("check_rig", text=sim().replace(CAMERA, table)))
    await soon(lambda: not looking(usb))
    answer = await usb.web.ask("preview", url=f"v4l2:{camera}")
    assert answer["ok"] or answer["error"]["code"] in ("busy", "in_use")
    lines = {line["device"]: line for line in (await checked)["lines"]}
    assert lines["camera front"]["ok"], lines


async def test_nothing_is_left_looking_when_the_station_ends(usb: Station, camera: Path) -> None:
    _, pid = await look(usb, camera)
    assert await usb.end() == 0
    assert not alive(pid)
