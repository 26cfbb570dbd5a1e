"""Small takes: two cameras, six joints, frames that are easily told apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from robotdata.capture.records import Row
from robotdata.spool import TakeWriter, new_take_id
from robotdata.video.jpeg import encode_jpeg

FRONT, TOP = "observation.images.front", "observation.images.top"
NAMES = [f"joint_{i}.pos" for i in range(6)]
PICTURE = {"dtype": "video", "shape": [48, 64, 3], "names": ["height", "width", "channels"]}
FEATURES = {
    "action": {"dtype": "float32", "shape": [6], "names": NAMES},
    "observation.state": {"dtype": "float32", "shape": [6], "names": NAMES},
    "observation.force": {"dtype": "float64", "shape": [1], "names": None},
    "observation.touch": {"dtype": "bool", "shape": [2], "names": None},
    FRONT: PICTURE,
    TOP: PICTURE,
}
CAMERAS = {key: {"codec": "mjpeg", "width": 64, "height": 48} for key in (FRONT, TOP)}
START_NS = 7_000_000_000


def time_ns(tick: int) -> int:
    return START_NS + tick * 1_000_000_000 // 30


def packet(tick: int) -> bytes:
    """A gray picture that carries its tick."""
    return encode_jpeg(np.full((48, 64, 3), tick % 256, np.uint8))


def row(tick: int, frame: int | None = None) -> Row:
    frame = tick if frame is None else frame
    values = {
        "action": np.arange(6, dtype=np.float32) + tick,
        "action/requested": np.arange(6, dtype=np.float32) + tick + 100,
        "observation.state": np.arange(6, dtype=np.float32) - tick,
        "observation.force": tick / 8,
        "observation.touch": np.array([tick % 2 == 0, True]),
    }
    frames = {key: (frame, time_ns(frame) - 1_000) for key in CAMERAS}
    return Row(tick, time_ns(tick), 1_700_000_000_000_000_000 + time_ns(tick), values, frames)


def begin(spool: Path, **more: object) -> TakeWriter:
    facts = {"rig": "bench", "robot_type": "arm", "fps": 30, "task": "push the cube", "dataset": "cubes"}
    return TakeWriter(spool / new_take_id(), facts | more, FEATURES, CAMERAS)


def write(writer: TakeWriter, ticks: int, first: int = 0) -> None:
    for tick in range(first, first + ticks):
        for key in CAMERAS:
            writer.add_frame(key, tick, time_ns(tick) - 1_000, packet(tick))
        writer.add_row(row(tick))


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """A finished take of 20 ticks."""
    writer = begin(tmp_path)
    write(writer, 20)
    writer.finish(counters={"late_ticks": 0})
    return writer.folder


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """A take of 20 ticks whose recorder died without a word."""
    writer = begin(tmp_path)
    write(writer, 20)
    writer.close()
    return writer.folder
