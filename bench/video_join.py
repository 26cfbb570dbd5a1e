"""Joining the episodes of a dataset: ours in one pass, LeRobot's growing file.

python bench/video_join.py --footage VIDEO --lerobot-python PATH
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any

from video_footage import LeRobotSide, footage, report, seconds

from robotdata.video import encode_frames, join_videos, verify_video


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--footage", type=Path)
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lerobot-python", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        report("video_join", **measure(options, Path(name)))


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    first = encode_frames(footage(options.frames, options.footage), folder / "0.mp4", fps=30)
    parts = [first.path]
    for number in range(1, options.episodes):
        parts.append(folder / f"{number}.mp4")
        shutil.copyfile(first.path, parts[-1])
    out = folder / "all.mp4"
    ours = [seconds(lambda: join_videos(parts, out, fps=30, overwrite=True)) for _ in range(options.rounds)]
    verify_video(out, expected_frames=options.episodes * options.frames)
    facts: dict[str, Any] = {
        "episodes": options.episodes,
        "frames each": options.frames,
        "megabytes": round(out.stat().st_size / 1e6, 1),
        "ours s": round(statistics.median(ours), 3),
    }
    if options.lerobot_python:
        other = LeRobotSide(options.lerobot_python)
        theirs = other.ask("grow", parts=[str(part) for part in parts], out=str(folder / "grown.mp4"))
        other.close()
        facts |= {"lerobot": other.version, "lerobot s": round(theirs, 2)}
        facts["times LeRobot"] = round(theirs / statistics.median(ours), 1)
    return facts


if __name__ == "__main__":
    main()
