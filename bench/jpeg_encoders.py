"""One frame to a JPEG of quality 95 with 4:2:0 chroma: Pillow against simplejpeg, in ms of processor time.

The two take turns, frame by frame, over the same drawn scene with sensor noise (or a real video, given as argument),
at 640x480 and enlarged to 1920x1080. `psnr_db` is how near the decoded picture is to the frame. simplejpeg is not
among the requirements: `pip install simplejpeg` first.

    .venv/bin/python bench/jpeg_encoders.py [a video]
"""

from __future__ import annotations

import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

from video_footage import footage  # noqa: E402

from robotdata.video.jpeg import decode_jpeg, encode_jpeg  # noqa: E402

FRAMES, ROUNDS = 30, 5
Picture = NDArray[np.uint8]


def by_simplejpeg(rgb: Picture) -> bytes:
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(rgb), 95, "RGB", "420", False))


def by_simplejpeg_quickly(rgb: Picture) -> bytes:
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(rgb), 95, "RGB", "420", True))


ENCODERS: dict[str, Callable[[Picture], bytes]] = {
    "pillow": encode_jpeg,
    "simplejpeg": by_simplejpeg,
    "simplejpeg, fast DCT": by_simplejpeg_quickly,
}


def enlarged(rgb: Picture) -> Picture:
    return np.asarray(Image.fromarray(rgb).resize((1920, 1080), Image.Resampling.BICUBIC))


def psnr(rgb: Picture, data: bytes) -> float:
    error = np.mean((rgb.astype(np.float32) - decode_jpeg(data)) ** 2)
    return float(10 * np.log10(255**2 / error))


def measure(frames: list[Picture]) -> dict[str, dict[str, float]]:
    spent: dict[str, list[float]] = {name: [] for name in ENCODERS}
    sizes: dict[str, list[int]] = {name: [] for name in ENCODERS}
    for _ in range(ROUNDS):
        for rgb in frames:
            for name, encode in ENCODERS.items():
                start = time.process_time()
                data = encode(rgb)
                spent[name].append(time.process_time() - start)
                sizes[name].append(len(data))
    return {
        name: {
            "ms_p50": round(1000 * statistics.median(spent[name]), 2),
            "ms_p95": round(1000 * sorted(spent[name])[int(0.95 * len(spent[name]))], 2),
            "bytes": round(statistics.mean(sizes[name])),
            "psnr_db": round(statistics.mean(psnr(rgb, encode(rgb)) for rgb in frames[:5]), 2),
        }
        for name, encode in ENCODERS.items()
    }


def main() -> None:
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    frames = list(footage(FRAMES, source))
    report = {"640x480": measure(frames), "1920x1080": measure([enlarged(rgb) for rgb in frames])}
    print(json.dumps({"python": platform.python_version(), "frames": FRAMES * ROUNDS, **report}, indent=2))


if __name__ == "__main__":
    main()
