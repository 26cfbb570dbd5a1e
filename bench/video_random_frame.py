"""One frame out of 30,000, and all of them in a row: ours, PyAV's own way, torchcodec's cached decoder.

python bench/video_random_frame.py --footage VIDEO --lerobot-python PATH
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
from video_footage import LeRobotSide, footage, report, seconds

from robotdata.video import (
    EncodeSettings,
    Segment,
    VideoDecoderCache,
    encode_frames,
    frame_jpeg,
    join_videos,
    open_video,
)

ROW = 900


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--footage", type=Path)
    parser.add_argument("--frames", type=int, default=30_000)
    parser.add_argument("--asked", type=int, default=400)
    parser.add_argument("--g", type=int, default=2)
    parser.add_argument("--codec", default="libsvtav1")
    parser.add_argument("--lerobot-python", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        report("video_random_frame", **measure(options, Path(name)))


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    settings = EncodeSettings(codec=options.codec, g=options.g)
    part = encode_frames(footage(300, options.footage), folder / "part.mp4", fps=30, settings=settings)
    whole = join_videos([Segment(part.path)] * (options.frames // 300), folder / "all.mp4", fps=30)
    numbers = np.random.default_rng(1).integers(0, whole.frames, options.asked).tolist()
    facts: dict[str, Any] = {"codec": options.codec, "g": options.g, "frames": whole.frames}
    opening = [seconds(lambda: open_video(whole.path).close()) * 1e3 for _ in range(5)]
    facts["open and index ms"] = round(float(np.median(opening)), 2)
    facts["random ms"] = random_frames(whole.path, numbers, options.lerobot_python)
    facts["in a row"] = in_a_row(whole.path)
    return facts


def random_frames(path: Path, numbers: list[int], python: Path | None) -> dict[str, Any]:
    """Milliseconds to RGB; two rounds, interleaved, the better one of each."""
    cache = VideoDecoderCache()
    decoder = cache.get_decoder(path)
    container = av.open(str(path))
    stream = container.streams.video[0]
    stream.thread_count = 1
    other = LeRobotSide(python) if python else None
    rounds: list[dict[str, list[float]]] = []
    for _ in range(2):
        found = {
            "ours": each(numbers, decoder.frame),
            "ours, as it is in the file": each(numbers, decoder.native_frame),
            "ours, to JPEG": each(numbers, lambda number: frame_jpeg(path, number, cache=cache)),
            "PyAV seek": each(numbers, lambda number: by_seek(container, stream, number)),
        }
        if other:
            found |= other.ask("frames", path=str(path), numbers=numbers, fps=30)
        rounds.append(found)
    container.close()
    cache.clear()
    if other:
        other.close()
    return {name: percentiles(min((one[name] for one in rounds), key=np.median)) for name in rounds[0]}


def by_seek(container: Any, stream: Any, number: int) -> Any:
    wanted = round(number / 30 / stream.time_base)
    container.seek(wanted, stream=stream)
    for frame in container.decode(stream):
        if frame.pts >= wanted:
            return frame.to_ndarray(format="rgb24")
    raise RuntimeError(f"no frame {number}")


def each(numbers: list[int], read: Callable[[int], Any]) -> list[float]:
    times = []
    read(0)
    for number in numbers:
        start = time.perf_counter()
        read(number)
        times.append((time.perf_counter() - start) * 1e3)
    return times


def percentiles(times: list[float]) -> dict[str, float]:
    return {f"p{share}": round(float(np.percentile(times, share)), 2) for share in (50, 99)}


def in_a_row(path: Path) -> dict[str, float]:
    """Frames per second, undecided about colour: ours, and PyAV's own loop with all threads."""
    ours, ceiling = [], []
    for _ in range(3):
        with open_video(path) as decoder:
            ours.append(seconds(lambda: sum(1 for _ in decoder.native_frames(range(ROW)))))
        ceiling.append(seconds(lambda: plain(path)))
    return {
        "ours": round(ROW / float(np.median(ours))),
        "PyAV": round(ROW / float(np.median(ceiling))),
        "ours / PyAV time": round(float(np.median(np.array(ours) / np.array(ceiling))), 2),
    }


def plain(path: Path) -> None:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for number, _ in enumerate(container.decode(stream)):
            if number == ROW - 1:
                return


if __name__ == "__main__":
    main()
