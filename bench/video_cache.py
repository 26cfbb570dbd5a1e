"""2,000 distinct videos through one decoder cache: memory and open files must stay flat.

python bench/video_cache.py
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from video_footage import footage, report

from robotdata.video import VideoDecoderCache, encode_frames, frame_jpeg


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--videos", type=int, default=2000)
    parser.add_argument("--size", type=int, default=100, help="decoders kept")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        report("video_cache", **measure(options, Path(name)))


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    first = encode_frames(footage(30, None), folder / "first.mp4", fps=30)
    paths = [folder / f"{number}.mp4" for number in range(options.videos)]
    for path in paths:
        path.hardlink_to(first.path)
    process, cache = psutil.Process(), VideoDecoderCache(options.size)
    marks, times = [], []
    for number, path in enumerate(paths):
        start = time.perf_counter()
        frame_jpeg(path, number % 30, cache=cache)
        times.append((time.perf_counter() - start) * 1e3)
        if number + 1 in (options.size, options.videos // 2, options.videos):
            rss = round(process.memory_info().rss / 2**20)
            marks.append({"videos": number + 1, "files open": process.num_fds(), "MiB": rss})
    cache.clear()
    cold = {f"p{share}": round(float(np.percentile(times, share)), 2) for share in (50, 99)}
    return {"decoders kept": options.size, "marks": marks, "first frame of a new file, to JPEG, ms": cold}


if __name__ == "__main__":
    main()
