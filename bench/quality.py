"""What the quality marks of a take cost: 60 s, three cameras of 640x480, one core.

Target: under 5 s of processor time. Also a dataset's statistics and the marks of one take among 200.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
import time
import uuid
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from robotdata.quality import Peers, TakeMetrics, marks_of, take_metrics
from robotdata.spool import Row, Take, TakeWriter
from robotdata.video.jpeg import encode_jpeg

CAMERAS = [f"observation.images.{name}" for name in ("front", "top", "wrist")]
NAMES = [f"joint_{number}.pos" for number in range(14)]
SIZE = (640, 480)
PICTURES = 30
"""Different ones per camera, used in turn: making them is not what is measured."""


def pictures(camera: int) -> list[bytes]:
    """JPEGs with as much detail as a real scene has, about 100 kB each."""
    chance = np.random.default_rng(camera)
    small = chance.integers(30, 220, (60, 80, 3)).astype(np.uint8)
    scene = np.kron(small, np.ones((8, 8, 1), np.uint8)).astype(np.int16)
    noisy = (scene + chance.integers(-8, 9, scene.shape) for _ in range(PICTURES))
    return [encode_jpeg(each.clip(0, 255).astype(np.uint8)) for each in noisy]


def make_take(folder: Path, seconds: float) -> None:
    """A take at 30 Hz with fourteen joints."""
    numbers = {"dtype": "float32", "shape": [len(NAMES)], "names": NAMES}
    picture = {"dtype": "video", "shape": [SIZE[1], SIZE[0], 3], "names": ["height", "width", "channels"]}
    features = {"action": numbers, "observation.state": numbers, **dict.fromkeys(CAMERAS, picture)}
    about = {key: {"codec": "mjpeg", "width": SIZE[0], "height": SIZE[1]} for key in CAMERAS}
    writer = TakeWriter(folder, {"fps": 30, "rig": "bench", "task": "reach", "dataset": "bench"}, features, about)
    packets = {key: pictures(camera) for camera, key in enumerate(CAMERAS)}
    chance = np.random.default_rng(0)
    for tick in range(round(seconds * 30)):
        now = 1_000_000_000 + tick * 33_333_333
        for key in CAMERAS:
            writer.add_frame(key, tick, now - 5_000_000, packets[key][tick % PICTURES])
        state = np.sin(tick / 40 + np.arange(len(NAMES))) * 50
        values = {"action": state, "observation.state": state + chance.normal(0, 0.05, len(NAMES))}
        writer.add_row(Row(tick, now, now, values, {key: (tick, now - 5_000_000) for key in CAMERAS}))
    writer.finish()


def measured(folder: Path) -> tuple[TakeMetrics, dict[str, float]]:
    wall, cpu = time.perf_counter(), time.process_time()
    with Take.open(folder) as take:
        metrics = take_metrics(take)
    spent = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
    return metrics, {name: round(value, 3) for name, value in spent.items()}


def among_others(metrics: TakeMetrics, count: int) -> dict[str, float]:
    """Milliseconds: statistics of `count` takes and one take's marks, the next one's, and reading one's measures."""
    others = [
        dataclasses.replace(metrics, id=f"other {number}", ticks=metrics.ticks + number) for number in range(count)
    ]
    began = time.perf_counter()
    peers = Peers(others)
    marks_of(metrics, peers)
    first = time.perf_counter()
    marks_of(metrics, peers)
    second = time.perf_counter()
    text = json.dumps(metrics.to_json())
    read = time.perf_counter()
    TakeMetrics.from_json(json.loads(text))
    done = time.perf_counter()
    spent = {"first_ms": first - began, "next_ms": second - first, "read_one_ms": done - read}
    return {name: round(value * 1000, 2) for name, value in spent.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as spool:
        folder = Path(spool) / str(uuid.uuid4())
        make_take(folder, seconds)
        metrics, spent = measured(folder)
    figures = {"seconds": seconds, "cameras": len(CAMERAS), **spent, "marks_among_200": among_others(metrics, 200)}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
