"""Makes takes whose frames say which they are: every stage of the product can be asked what it lost."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from robotdata.capture.records import Row
from robotdata.spool import TakeWriter, new_take_id
from robotdata.video.barcode import Barcode, draw
from robotdata.video.jpeg import encode_jpeg

NAMES = [f"joint_{i}.pos" for i in range(6)]
SIZE = (320, 240)
PREFIX = "observation.images."


def features(cameras: Sequence[str], size: tuple[int, int] = SIZE) -> dict[str, Any]:
    picture = {"dtype": "video", "shape": [size[1], size[0], 3], "names": ["height", "width", "channels"]}
    signal = {"dtype": "float32", "shape": [6], "names": NAMES}
    return {"action": signal, "observation.state": signal, **{PREFIX + name: picture for name in cameras}}


def make_take(
    spool: Path,
    ticks: int = 12,
    *,
    episode: int = 1,
    cameras: Sequence[str] = ("front", "top"),
    fps: int = 30,
    rate_hz: float | None = None,
    lost: Collection[int] = (),
    late: int = 0,
    take_id: str = "",
    **facts: Any,
) -> Path:
    """A recorded take of `ticks` rows; frame n of every camera carries Barcode(n, episode, camera number).

    The packets of the ticks in `lost` are not stored; the first `late` ticks come before any frame; `rate_hz` is how
    fast the loop really ran.
    """
    folder = spool / (take_id or new_take_id())
    about = {PREFIX + name: {"codec": "mjpeg", "width": SIZE[0], "height": SIZE[1]} for name in cameras}
    said = {"rig": "sim", "robot_type": "sim_arm", "fps": fps, "task": "push the cube", "dataset": "cubes", **facts}
    writer = TakeWriter(folder, said, features(cameras), about)
    period = round(1e9 / (rate_hz or fps))
    for tick in range(ticks):
        now = 5_000_000_000 + tick * period
        frames = {}
        for number, key in enumerate(about):
            seen = tick - late
            if seen >= 0 and tick not in lost:
                writer.add_frame(key, tick, now - 1_000_000, barcode_jpeg(Barcode(tick, episode, number)))
            frames[key] = (tick, now - 1_000_000) if seen >= 0 else (-1, 0)
        values = {"action": joints(tick + 1), "observation.state": joints(tick)}
        writer.add_row(Row(tick, now, 1_700_000_000_000_000_000 + now, values, frames))
    writer.finish("recorded", end_reason="stop")
    return folder


def joints(tick: int) -> np.ndarray:
    return np.sin(np.arange(6, dtype=np.float32) + tick / 10).astype(np.float32)


def barcode_jpeg(code: Barcode) -> bytes:
    picture = np.full((SIZE[1], SIZE[0], 3), 90 + code.tick % 60, np.uint8)
    draw(picture, code)
    return encode_jpeg(picture)
