"""Makes takes whose frames say which they are: every stage of the product can be asked what it lost."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from robotdata.capture.records import Row
from robotdata.spool import TakeWriter, new_take_id
from robotdata.video.barcode import Barcode, draw
from robotdata.video.depth.packets import depth_packet
from robotdata.video.depth.scale import DepthScale
from robotdata.video.jpeg import encode_jpeg

NAMES = [f"joint_{i}.pos" for i in range(6)]
SIZE = (320, 240)
PREFIX = "observation.images."
SCALE = DepthScale()


def features(
    cameras: Sequence[str], size: tuple[int, int] = SIZE, *, depth: Sequence[str] = (), scale: DepthScale = SCALE
) -> dict[str, Any]:
    """LeRobot's features of a take with these cameras; those in `depth` are depth cameras."""
    picture = {"dtype": "video", "shape": [size[1], size[0], 3], "names": ["height", "width", "channels"]}
    signal = {"dtype": "float32", "shape": [6], "names": NAMES}
    mm = {**picture, "shape": [size[1], size[0], 1], "info": scale.info("mm")}
    far = {PREFIX + name: mm for name in depth}
    return {"action": signal, "observation.state": signal, **{PREFIX + name: picture for name in cameras}, **far}


def make_take(
    spool: Path,
    ticks: int = 12,
    *,
    episode: int = 1,
    cameras: Sequence[str] = ("front", "top"),
    depth: Sequence[str] = (),
    scale: DepthScale = SCALE,
    fps: float = 30,
    rate_hz: float | None = None,
    texts: Mapping[str, Callable[[int], str]] = MappingProxyType({}),
    lost: Collection[int] = (),
    late: int = 0,
    take_id: str = "",
    **facts: Any,
) -> Path:
    """A recorded take of `ticks` rows; frame n of every camera carries Barcode(n, episode, camera number).

    The packets of the ticks in `lost` are not stored; the first `late` ticks come before any frame; `rate_hz` is how
    fast the loop really ran. The cameras in `depth` are depth cameras with that `scale`. `texts` gives for each text
    feature the text of a tick. With `recorded_action` among the facts the rows hold both actions, as a rig's do.
    """
    folder = spool / (take_id or new_take_id())
    about = {PREFIX + name: {"codec": "mjpeg", "width": SIZE[0], "height": SIZE[1]} for name in cameras}
    about |= {PREFIX + name: {"codec": "png", "width": SIZE[0], "height": SIZE[1]} for name in depth}
    said = {"rig": "sim", "robot_type": "sim_arm", "fps": fps, "task": "push the cube", "dataset": "cubes", **facts}
    words = {name: {"dtype": "string", "shape": [1], "names": None} for name in texts}
    writer = TakeWriter(folder, said, features(cameras, depth=depth, scale=scale) | words, about)
    period = round(1e9 / (rate_hz or fps))
    for tick in range(ticks):
        now = 5_000_000_000 + tick * period
        frames = {}
        for number, key in enumerate(about):
            seen = tick - late
            if seen >= 0 and tick not in lost:
                make = barcode_depth if about[key]["codec"] == "png" else barcode_jpeg
                writer.add_frame(key, tick, now - 1_000_000, make(Barcode(tick, episode, number)))
            frames[key] = (tick, now - 1_000_000) if seen >= 0 else (-1, 0)
        values: dict[str, Any] = {"action": joints(tick + 1), "observation.state": joints(tick)}
        values["action/requested"] = requested(tick)
        values |= {name: text_at(tick) for name, text_at in texts.items()}
        writer.add_row(Row(tick, now, 1_700_000_000_000_000_000 + now, values, frames))
    writer.finish("recorded", end_reason="stop")
    return folder


def requested(tick: int) -> np.ndarray:
    """What the teleoperator requests in a take that is made with `recorded_action`: beyond what is sent."""
    return joints(tick + 1) * 3


def joints(tick: int) -> np.ndarray:
    return np.sin(np.arange(6, dtype=np.float32) + tick / 10).astype(np.float32)


def barcode_jpeg(code: Barcode) -> bytes:
    picture = np.full((SIZE[1], SIZE[0], 3), 90 + code.tick % 60, np.uint8)
    draw(picture, code)
    return encode_jpeg(picture)


def barcode_depth(code: Barcode) -> bytes:
    return depth_packet(depth_map(code))


def depth_map(code: Barcode) -> np.ndarray:
    """A slope from 0.4 m to 2.5 m with noise, a hole without measurement, and the barcode."""
    slope = np.linspace(400, 2500, SIZE[0] * SIZE[1]).reshape(SIZE[1], SIZE[0])
    noise = np.random.default_rng([code.tick, code.camera]).normal(0, 3, slope.shape)
    depth = (slope + noise).astype(np.uint16)
    depth[150:170, 150:190] = 0
    draw(depth, code)
    return depth
