"""Takes as arrays and in folders: an arm that reaches out and back, a little differently each time."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robotdata.quality import CameraInput, SignalInput, TakeInput, TakeMetrics, measure
from robotdata.quality.pictures import PictureMeter
from robotdata.spool import Row, TakeWriter
from robotdata.video.jpeg import encode_jpeg

NAMES = ["shoulder.pos", "elbow.pos", "wrist.pos", "gripper.pos"]
FRONT, WRIST = "observation.images.front", "observation.images.wrist"
FPS = 30.0
SIZE = (160, 120)
PERIOD_NS = 33_333_333


def ways(seed: int, ticks: int = 300, still: int = 15) -> np.ndarray:
    """float64 (ticks, 4): smooth joints in degrees, a gripper that closes and opens; still at both ends."""
    chance = np.random.default_rng(seed)
    time = np.clip((np.arange(ticks) - still) / (ticks - 2 * still), 0, 1)
    bell = np.sin(np.pi * time) ** 2
    sizes = np.array([40.0, -60.0, 25.0]) * chance.uniform(0.8, 1.2, 3)
    swing = chance.uniform(0.1, 0.3, 3) * sizes * np.sin(2 * np.pi * time * 3)[:, None]
    grip = 50 + 45 * np.tanh(8 * np.cos(2 * np.pi * time + chance.uniform(-0.4, 0.4)))
    return np.hstack([bell[:, None] * sizes + bell[:, None] * swing, grip[:, None]])


def make_input(seed: int = 0, ticks: int = 300, **more: Any) -> TakeInput:
    """A take without cameras; the state follows the action three ticks late, with noise."""
    action = more.pop("action", ways(seed, ticks))
    late = np.vstack([np.repeat(action[:1], 3, axis=0), action[:-3]])[: len(action)]
    noise = np.random.default_rng(seed + 1000).normal(0, 0.02, action.shape)
    state = more.pop("state", late + noise)
    signals = {"action": SignalInput(NAMES, action), "observation.state": SignalInput(NAMES, state)}
    facts = {"id": f"{seed:08d}-take", "recorded_at": f"2030-01-01T00:{seed % 60:02d}:00Z", "task": "reach"}
    return TakeInput(fps=FPS, ticks=len(action), signals=signals, **{**facts, **more})


def scene(tick: int, camera: int = 0, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A textured table over which something goes; a little noise, as sensors have it."""
    chance = np.random.default_rng([camera, 1])
    rgb = chance.integers(60, 160, (size[1], size[0], 3)).astype(np.int16)
    x = 10 + (tick * 2) % (size[0] - 50)
    rgb[40:80, x : x + 30] = [200, 60, 40]
    rgb += np.random.default_rng([camera, tick]).integers(-2, 3, rgb.shape).astype(np.int16)
    return rgb.clip(0, 255).astype(np.uint8)


@functools.lru_cache(4096)
def packet(tick: int, camera: int = 0) -> bytes:
    return encode_jpeg(scene(tick, camera))


def camera_of(picture: Callable[[int], np.ndarray], ticks: int = 300) -> CameraInput:
    """A camera of which nothing but its pictures is known."""
    meter = PictureMeter()
    for tick in range(0, ticks, 6):
        meter.add(tick, picture(tick))
        meter.add_detail(picture(tick))
    return CameraInput(pictures=meter.series())


@pytest.fixture(scope="session")
def others() -> list[TakeMetrics]:
    """What twelve ordinary takes measure."""
    return [measure(make_input(seed, 280 + 5 * seed)) for seed in range(1, 13)]


MakeTake = Callable[..., Path]


def write_take(
    folder: Path,
    ticks: int = 150,
    *,
    frames: dict[str, Callable[[int], tuple[int, bytes] | None]] | None = None,
    period_ns: int = PERIOD_NS,
    action: np.ndarray | None = None,
    pause_at: int | None = None,
    age_ns: dict[str, int] | None = None,
) -> Path:
    """A take of two cameras; `frames[key](tick)` gives (seq, packet) of that tick, or None for no new frame."""
    numbers = {"dtype": "float32", "shape": [4], "names": NAMES}
    picture = {"dtype": "video", "shape": [SIZE[1], SIZE[0], 3], "names": ["height", "width", "channels"]}
    features = {"action": numbers, "observation.state": numbers, FRONT: picture, WRIST: picture}
    about = {key: {"codec": "mjpeg", "width": SIZE[0], "height": SIZE[1]} for key in (FRONT, WRIST)}
    facts = {"fps": 30, "rig": "sim", "task": "reach", "dataset": "d"}
    writer = TakeWriter(folder, facts, features, about)
    action = ways(0, ticks) if action is None else action
    now, newest = 5_000_000_000, dict.fromkeys(about, (-1, 0))
    for tick in range(ticks):
        now += period_ns + (700_000_000 if tick == pause_at else 0)
        for camera, key in enumerate(about):
            make = (frames or {}).get(key, lambda t, c=camera: (t, packet(t, c)))
            if (found := make(tick)) is not None:
                captured = now - (age_ns or {}).get(key, 5_000_000)
                writer.add_frame(key, found[0], captured, found[1])
                newest[key] = (found[0], captured)
        values = {"action": action[tick].astype(np.float32), "observation.state": action[tick].astype(np.float32)}
        writer.add_row(Row(tick, now, now, values, dict(newest)))
    writer.finish()
    return folder


@pytest.fixture
def make_take(tmp_path: Path) -> MakeTake:
    """Writes a take into a temporary folder; see write_take."""
    return lambda ticks=150, **more: write_take(tmp_path / str(uuid.uuid4()), ticks, **more)
