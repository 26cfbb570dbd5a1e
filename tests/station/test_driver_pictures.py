"""Pictures of a camera that only a driver sees: a RealSense, on the stand-in for librealsense."""

from __future__ import annotations

import base64
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from robotdata.video.jpeg import decode_jpeg
from tests.station.conftest import ROOT, Station, station_at

STAND_IN = ROOT / "tests/lerobot/plugins"


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Station]:
    """A station whose Python has librealsense's names, and one camera."""
    async with station_at(tmp_path) as made:
        path = os.pathsep.join([str(ROOT), str(STAND_IN)])
        made.environment |= {"PYTHONPATH": path, "REALSENSE_AT": str(tmp_path)}
        yield await made.start()


def shade(preview: dict[str, Any]) -> int:
    return int(decode_jpeg(base64.b64decode(preview["jpeg"])).mean())


async def test_a_camera_that_a_driver_finds_is_looked_at(bench: Station, tmp_path: Path) -> None:
    (found,) = (await bench.web.get("find_cameras", python=""))["cameras"]
    first = await bench.web.get("preview_driver", python="", table=found["table"])
    later = await bench.web.get("preview_driver", python="", table=found["table"])
    assert (first["width"], first["height"]) == (640, 480)
    assert shade(later) != shade(first)  # frame n has the shade n
    (tmp_path / "unplugged").touch()
    other = found["table"] | {"serial": "another"}
    error = await bench.web.refusal("preview_driver", python="", table=other)
    assert error["code"] == "no_picture" and "another" in error["message"]


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ({"table": "realsense"}, "bad_args"),
        ({"table": {"kind": ["realsense"]}}, "bad_args"),
        ({"table": {"kind": "nothing"}}, "no_picture"),
        ({"table": {"kind": "realsense"}}, "no_picture"),
        ({"table": {"kind": "sim"}, "python": "/nowhere/python"}, "bad_python"),
    ],
)
async def test_a_table_that_names_no_camera_is_refused(bench: Station, args: dict[str, Any], code: str) -> None:
    assert (await bench.web.refusal("preview_driver", **args))["code"] == code
