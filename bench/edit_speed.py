"""Delete 5 of 200 episodes, split the dataset and merge five: ours beside `lerobot-edit-dataset`'s functions, in turn.

    python bench/edit_speed.py [ROUNDS] [EPISODES] [ACT ...] [--length FRAMES]

LeRobot runs in the environment that `interop_env.sh newest` makes, or ROBOTDATA_INTEROP_PYTHON. Both sides work on the
same datasets, which are made here: one camera, AV1 with two pictures a group as LeRobot records it. An episode has 60
frames, two seconds, if FRAMES does not say otherwise. ACT is delete, split or merge; by default all three. Times are of
the functions alone, without imports, in seconds of processor time (`cpu`, children included) and of the clock. Prints
JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from robotdata.dataset import DatasetSpec, NewEpisode, commit_episodes  # noqa: E402
from robotdata.dataset.stats import ImageStats  # noqa: E402
from robotdata.dataset.write.edit import delete_episodes  # noqa: E402
from robotdata.dataset.write.transfer import Where, merge, shares, split  # noqa: E402
from robotdata.video.codecs import EncodeSettings  # noqa: E402
from robotdata.video.encode import encode_frames  # noqa: E402

parser = argparse.ArgumentParser()
parser.add_argument("rounds", nargs="?", type=int, default=3)
parser.add_argument("episodes", nargs="?", type=int, default=200)
parser.add_argument("acts", nargs="*", default=["delete", "split", "merge"])
parser.add_argument("--length", type=int, default=60)
ARGS = parser.parse_args()
ROUNDS, EPISODES, ACTS, LENGTH = ARGS.rounds, ARGS.episodes, ARGS.acts, ARGS.length
SIZE, FPS = (240, 320), 30
CAMERA = "observation.images.front"
GONE = [EPISODES * n // 40 for n in (1, 10, 20, 21, 30)]
SHARES = {"train": 0.8, "val": 0.2}
SIGNAL = {"dtype": "float32", "shape": [6], "names": [f"joint_{n}.pos" for n in range(6)]}
PICTURE = {"dtype": "video", "shape": [*SIZE, 3], "names": ["height", "width", "channels"]}
FEATURES = {"action": SIGNAL, "observation.state": SIGNAL, CAMERA: PICTURE}
THEIRS = """
import json, os, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from interop_lerobot import LeRobotDataset
from lerobot.datasets.dataset_tools import delete_episodes, merge_datasets, split_dataset
for line in sys.stdin:
    act, out, gone, shares = json.loads(line)
    base = Path(out).parent
    opened = lambda name: LeRobotDataset(name, root=base / name)
    parts = [opened(f"part{n}") for n in range(5)] if act == "merge" else [opened("whole")]
    began, cpu = time.perf_counter(), sum(os.times()[:4])
    if act == "delete":
        delete_episodes(parts[0], gone, output_dir=out, repo_id="deleted")
    elif act == "split":
        split_dataset(parts[0], shares, output_dir=out)
    else:
        merge_datasets(parts, "merged", output_dir=out)
    print("TOOK", time.perf_counter() - began, sum(os.times()[:4]) - cpu, flush=True)
"""


def main() -> None:
    python = os.environ.get("ROBOTDATA_INTEROP_PYTHON") or _environment()
    home = Path(tempfile.mkdtemp(prefix="robotdata-edit-speed-"))
    try:
        make(home)
        print(json.dumps(measure(home, python)))
    finally:
        shutil.rmtree(home)


def make(home: Path) -> None:
    """Make the datasets `whole` and `part0` to `part4`, of which each has a fifth of its episodes."""
    rng = np.random.default_rng(0)
    video, stats = [], []
    for n in range(8):
        frames = [np.roll(rng.integers(0, 255, (*SIZE, 3), np.uint8), tick, 1) // 8 * 8 for tick in range(LENGTH)]
        settings = EncodeSettings(codec="libsvtav1", crf=30, g=2, preset="12")
        video.append(encode_frames(frames, home / f"{n}.mp4", fps=FPS, settings=settings).path)
        counted = ImageStats()
        for frame in frames[::10]:
            counted.add(frame)
        stats.append({CAMERA: counted.result()})
    for name, numbers in {"whole": range(EPISODES), **{f"part{n}": range(EPISODES // 5) for n in range(5)}}.items():
        new = []
        for n in numbers:
            rows = {key: np.sin(np.arange(LENGTH)[:, None] + np.arange(6) + n).astype(np.float32) for key in FEATURES}
            rows.pop(CAMERA)
            new.append(NewEpisode(f"{name}-{n}", f"task {n % 3}", rows, LENGTH, {CAMERA: video[n % 8]}, stats[n % 8]))
        places = {"work": home / ".work", "revisions": home / ".old" / name}
        commit_episodes(home / name, DatasetSpec(FPS, "arm", FEATURES), new, **places)


def measure(home: Path, python: str) -> dict[str, Any]:
    """Let both sides do each act in turn, ROUNDS times; return the medians in seconds and their quotient."""
    env = {**os.environ, "PYTHONPATH": ""}
    with subprocess.Popen(
        [python, "-c", THEIRS, str(ROOT / "bench")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env
    ) as lerobot:
        found: dict[str, Any] = {
            "rounds": ROUNDS,
            "episodes": EPISODES,
            "frames": EPISODES * LENGTH,
            "bytes": _bytes(home / "part0"),
        }
        for act in ACTS:
            times: dict[str, list[tuple[float, float]]] = {"ours": [], "theirs": []}
            for number in range(ROUNDS):
                times["ours"].append(_ours(home, act))
                times["theirs"].append(_theirs(lerobot, home / f"theirs-{act}-{number}", act))
            for name, place in (("", 0), ("cpu_", 1)):
                ours, theirs = (statistics.median(each[place] for each in values) for values in times.values())
                key = f"{act}_{name}"
                found |= {f"{key}s": round(ours, 3), f"{key}lerobot_s": round(theirs, 2)}
                found[f"{key}times"] = round(theirs / ours, 1)
        if lerobot.stdin is not None:
            lerobot.stdin.close()
    return found


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _ours(home: Path, act: str) -> tuple[float, float]:
    folder = Path(tempfile.mkdtemp(dir=home))
    where = Where(folder / ".work", folder / ".old")
    parts = {folder / name: numbers for name, numbers in shares(EPISODES, SHARES).items()}
    if act == "delete":
        shutil.copytree(home / "whole", folder / "whole")
    acts: dict[str, Callable[[], Any]] = {
        "delete": lambda: delete_episodes(folder / "whole", GONE, work=where.work, revisions=where.revisions),
        "split": lambda: split(home / "whole", parts, dict.fromkeys(parts, where)),
        "merge": lambda: merge([home / f"part{n}" for n in range(5)], folder / "merged", where),
    }
    began, cpu = time.perf_counter(), sum(os.times()[:4])
    acts[act]()
    took = time.perf_counter() - began, sum(os.times()[:4]) - cpu
    shutil.rmtree(folder)
    return took


def _theirs(lerobot: subprocess.Popen[str], out: Path, act: str) -> tuple[float, float]:
    assert lerobot.stdin is not None and lerobot.stdout is not None
    lerobot.stdin.write(json.dumps([act, str(out), GONE, SHARES]) + "\n")
    lerobot.stdin.flush()
    for line in lerobot.stdout:
        if line.startswith("TOOK "):
            shutil.rmtree(out)
            return float(line.split()[1]), float(line.split()[2])
    raise RuntimeError(f"LeRobot ended without an answer to {act}; see above")


def _environment() -> str:
    made = Path(os.environ.get("ROBOTDATA_NEWEST_VENV") or ROOT / ".venv-lerobot-datasets") / "bin/python"
    if not made.exists():
        raise SystemExit(f"no LeRobot at {made}: `make interop` makes it where there is Python 3.12")
    return str(made)


if __name__ == "__main__":
    main()
