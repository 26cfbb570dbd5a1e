"""Depth: our codes and depths against those of the real LeRobot (0.6 or later), value for value, and videos both ways.

python bench/depth_agreement.py --lerobot-python PATH [--depth FOLDER of 16-bit PNG]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from video_footage import LeRobotSide, report

from robotdata.video import open_video
from robotdata.video.depth.quantize import dequantize_depth, quantize_depth
from robotdata.video.depth.video import DepthScale, decode_depth, encode_depth

SCALES = [
    DepthScale(),
    DepthScale(use_log=False),
    DepthScale(0.3, 6.0, 0.0),
    DepthScale(0.05, 2.0, 1.0),
    DepthScale(0.001, 65.0, 3.5, use_log=False),
]


def samples(folder: Path | None) -> list[np.ndarray[Any, Any]]:
    """All that a 16-bit sensor can say, metres at random, and real frames where there are any."""
    random = np.random.default_rng(0)
    found = [
        np.arange(2**16, dtype=np.uint16).reshape(256, 256),
        random.uniform(0, 12, (480, 640)).astype(np.float32),
        random.exponential(2, (240, 320)).astype(np.float64),
    ]
    for path in sorted(folder.glob("*.png"))[:3] if folder else []:
        with Image.open(path) as picture:
            found.append(np.asarray(picture, np.uint16))
    return found


def compare(side: LeRobotSide, scale: DepthScale, maps: list[np.ndarray[Any, Any]], place: Path) -> dict[str, int]:
    for number, depth in enumerate(maps):
        np.save(place / f"depth-{number}.npy", depth)
    two = [maps[0], maps[0][::-1]] * 6
    for number, depth in enumerate(two):
        Image.fromarray(depth).save(place / f"frame-{number:06d}.tiff")
    encode_depth(two, place / "ours.mp4", fps=30, scale=scale, overwrite=True)
    asked = {"depth_min": scale.depth_min, "depth_max": scale.depth_max, "shift": scale.shift, "use_log": scale.use_log}
    side.ask("depth", folder=str(place), scale=asked)
    wrong = {"values": sum(depth.size for depth in maps), "codes that differ": 0}
    for number, depth in enumerate(maps):
        theirs = np.load(place / f"codes-{number}.npy").reshape(depth.shape)
        wrong["codes that differ"] += int((quantize_depth(depth, scale) != theirs).sum())
    codes = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    for unit in ("mm", "m"):
        theirs = np.load(place / f"back-{unit}.npy").reshape(64, 64)
        wrong[f"depths in {unit} that differ"] = int((dequantize_depth(codes, scale, unit=unit) != theirs).sum())
    want = [quantize_depth(depth, scale) for depth in two]
    read = np.load(place / "ours-read.npy").reshape(-1, 256, 256)
    wrong["codes that LeRobot reads otherwise from our video"] = int((read != np.stack(want)[:2]).sum())
    with open_video(place / "theirs.mp4") as decoder:
        ours = [decode_depth(decoder, number, scale) for number in range(len(two))]
    back = [dequantize_depth(one, scale) for one in want]
    wrong["depths that we read otherwise from LeRobot's video"] = int((np.stack(ours) != np.stack(back)).sum())
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lerobot-python", type=Path, required=True)
    parser.add_argument("--depth", type=Path)
    options = parser.parse_args()
    side = LeRobotSide(options.lerobot_python)
    maps = samples(options.depth)
    with tempfile.TemporaryDirectory() as name:
        found = {str(scale): compare(side, scale, maps, Path(name)) for scale in SCALES}
    side.close()
    report("depth_agreement", lerobot=side.version, scales=found)
    sys.exit(any(count for each in found.values() for what, count in each.items() if what != "values"))


if __name__ == "__main__":
    main()
