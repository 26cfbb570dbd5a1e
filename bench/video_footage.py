"""Footage for the video benchmarks: a real video with sensor noise, or a drawn scene, uint8 RGB."""

from __future__ import annotations

import io
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

WIDTH, HEIGHT = 640, 480
NOISE_SIGMA = 2.0
SIDE = Path(__file__).with_name("lerobot_side.py")


def footage(count: int, source: Path | None) -> Iterator[NDArray[np.uint8]]:
    """`count` frames of `source` (read forwards and backwards), or of a moving drawn scene, with noise."""
    random = np.random.default_rng(0)
    noise = [random.normal(0, NOISE_SIGMA, (HEIGHT, WIDTH, 3)).astype(np.int16) for _ in range(8)]
    for number, rgb in enumerate(_real(count, source) if source else _drawn(count)):
        yield np.clip(rgb + noise[number % 8], 0, 255).astype(np.uint8)


def jpeg(rgb: NDArray[np.uint8]) -> bytes:
    """What a take holds: a JPEG of quality 95."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=95, subsampling="4:2:0")
    return buffer.getvalue()


def seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def cost(work: Callable[[], Any]) -> list[float]:
    """[seconds on the clock, seconds of all cores]: the second one means something on a busy machine too."""
    start, spent = time.perf_counter(), time.process_time()
    work()
    return [time.perf_counter() - start, time.process_time() - spent]


class LeRobotSide:
    """LeRobot in its own interpreter, one command at a time, each timed over there."""

    def __init__(self, python: Path) -> None:
        home = {**os.environ, "PYTHONPATH": str(SIDE.parent.parent)}
        self._process = subprocess.Popen(
            [str(python), str(SIDE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=home,
            text=True,
        )
        self.version = self.ask("version")

    def ask(self, command: str, **arguments: Any) -> Any:
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the other interpreter has no pipes")
        self._process.stdin.write(json.dumps({"do": command, **arguments}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the other interpreter died at {command}")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{command}: {answer['error']}")
        return answer["result"]

    def close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(timeout=20)


def report(name: str, **facts: Any) -> None:
    """The result as JSON on standard output."""
    import av

    machine = {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    result = {"bench": name, **machine, "av": av.__version__, **facts}
    sys.stdout.write(json.dumps(result, indent=2, default=str) + "\n")


def _real(count: int, source: Path) -> Iterator[NDArray[np.uint8]]:
    from robotdata.video import open_video

    with open_video(source) as decoder:
        keep = min(decoder.count, count)
        frames = []
        for rgb in decoder.frames(range(keep)):
            if rgb.shape[:2] != (HEIGHT, WIDTH):
                rgb = np.asarray(Image.fromarray(rgb).resize((WIDTH, HEIGHT)))
            frames.append(rgb)
    for number in range(count):
        turn, place = divmod(number, keep)
        yield frames[place if turn % 2 == 0 else keep - 1 - place]


def _drawn(count: int) -> Iterator[NDArray[np.uint8]]:
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    ground = np.stack([rows % 256, (columns // 2) % 256, (rows + columns) % 256], axis=-1).astype(np.uint8)
    for number in range(count):
        rgb = ground.copy()
        x, y = int(280 + 240 * np.sin(number / 17)), int(200 + 150 * np.cos(number / 23))
        rgb[y : y + 90, x : x + 110] = (230, 90, (number * 3) % 256)
        yield rgb
