"""`make interop`: records fresh datasets through the rooms and opens them with the real LeRobot, its versions in turn.

Each LeRobot lives in an environment of its own (`interop_env.sh` makes it): 0.4.4, and 0.6.1 where there is Python
3.12. The conformance script is taken from ROBOTDATA_CONFORMANCE, or ../shared/conformance beside the project; where
there is none, `interop_check.py` beside this file opens each dataset and iterates a DataLoader.
ROBOTDATA_INTEROP_PYTHON names an interpreter with the only LeRobot to try. Arguments name the datasets to try; all by
default.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from robotdata.capture.records import Row  # noqa: E402
from robotdata.dataset import DatasetSpec, NewEpisode, commit_episodes, verify_dataset  # noqa: E402
from robotdata.export import encode_camera, new_episode, plan_take  # noqa: E402
from robotdata.spool import Take, TakeWriter, new_take_id  # noqa: E402
from robotdata.video.barcode import CELL, TICK_BITS, Barcode, draw  # noqa: E402
from robotdata.video.codecs import EncodeSettings  # noqa: E402
from robotdata.video.jpeg import encode_jpeg  # noqa: E402
from tests.support import lerobot_forks  # noqa: E402

ENVIRONMENTS = ("datasets", "newest")
NO_PYTHON = 3
AT_ONCE = 2  # checks, beside the recording of the next dataset
NAMES = [f"joint_{n}.pos" for n in range(6)]
WIDTH, HEIGHT = 320, 240
TASKS = ("push the cube", "Räume den Tisch auf <b>&", "pick up the 🟥 block")


@dataclass(frozen=True)
class Trial:
    """One dataset: `batches` of episode lengths, each committed by a call of its own."""

    codec: str
    cameras: tuple[str, ...]
    batches: tuple[tuple[int, ...], ...]
    fps: float = 30
    video_mb: float = 200
    data_mb: float = 100
    texts: bool = False
    """Its rows hold a text feature, too."""
    shared: bool = False
    """LeRobot's own recorder adds an episode before the last batch; what it writes is not judged strictly."""


TRIALS = {
    "av1-one-camera": Trial("libsvtav1", ("front",), ((40, 25, 31),)),
    "av1-three-cameras-resumed": Trial("libsvtav1", ("front", "top", "wrist"), ((30, 22), (27,), (19, 24))),
    "av1-recorded-by-both": Trial("libsvtav1", ("front", "top"), ((24, 20), (18,)), shared=True),
    "h264-one-camera-resumed": Trial("h264", ("front",), ((35,), (28,), (1, 30))),
    "h264-three-cameras-small-files": Trial(
        "h264", ("front", "top", "wrist"), ((21, 30, 26), (33, 20)), fps=25, video_mb=0.15, data_mb=0.02
    ),
    "av1-12.5-fps": Trial("libsvtav1", ("front",), ((30, 22), (27,)), fps=12.5),
    "h264-ntsc-texts": Trial("h264", ("front",), ((30, 22), (27,)), fps=30000 / 1001, texts=True),
}


def main() -> int:
    """Record each dataset once, and check it with every LeRobot meanwhile; what LeRobot adds to, each records again."""
    wanted = sys.argv[1:] or list(TRIALS)
    named = os.environ.get("ROBOTDATA_INTEROP_PYTHON")
    pythons = [named] if named else [python for each in ENVIRONMENTS if (python := _environment(each))]
    print(f"Datasets are checked by {_script()}")
    home = Path(tempfile.mkdtemp(prefix="robotdata-interop-"))
    os.environ["ROBOTDATA_HOME"] = str(home)
    checks: list[Future[bool]] = []
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for name in wanted:
                trial = TRIALS[name]
                for number, readers in enumerate([[each] for each in pythons] if trial.shared else [pythons]):
                    root = home / f"{number}/datasets/{name}"
                    record(root, trial, readers[0])
                    checks += [pool.submit(_conforms, name, trial, root, each) for each in readers]
            conform = sum([check.result() for check in checks])
    finally:
        shutil.rmtree(home, ignore_errors=True)
    print(f"interop: {conform} of {len(checks)} datasets conform")
    return 0 if conform == len(checks) else 1


def _environment(name: str) -> str | None:
    """The Python of an environment with LeRobot, which is made where it is missing; None, said, without Python 3.12."""
    script = ["sh", str(ROOT / "bench/interop_env.sh"), name]
    done = subprocess.run(script, stdout=subprocess.PIPE, text=True)
    if done.returncode == NO_PYTHON:
        print(f"skipped: LeRobot of the environment {name!r}, see above")
        return None
    done.check_returncode()
    return done.stdout.strip()


def _conforms(name: str, trial: Trial, root: Path, python: str) -> bool:
    """Whether our own verifier and this LeRobot accept the dataset; says so."""
    report = verify_dataset(root, deep=True)
    if report.problems:
        print(f"FAIL {name}: our own verify: {report.problems[0]}")
        return False
    begin = time.monotonic()
    done = lerobot_forks.run([python, *_check(root, trial)], capture_output=True, text=True, timeout=600)
    words = [line for line in done.stdout.splitlines() if line.startswith(("FAIL", "WARN", "CONFORMANT", "NOT"))]
    verdict, seconds = "ok  " if done.returncode == 0 else "FAIL", f"checked in {time.monotonic() - begin:.0f} s"
    lines = [f"{verdict} {name}: {report.episodes} episodes, {report.frames} frames, {seconds}; {' '.join(words[-1:])}"]
    if done.returncode:
        lines += [python, *(words or [done.stdout[-2000:], done.stderr[-2000:]])]
    print("\n".join(lines), flush=True)
    return done.returncode == 0


def _script() -> Path:
    named = os.environ.get("ROBOTDATA_CONFORMANCE")
    script = Path(named) if named else ROOT.parent / "shared/conformance/conformance_lerobot.py"
    return script if script.is_file() else ROOT / "bench/interop_check.py"


def _check(root: Path, trial: Trial) -> list[str]:
    script = _script()
    if script.parent == ROOT / "bench":
        return [str(script), str(root)]
    # The script warns of a rate that is not whole, which LeRobot reads as well: its warnings fail only strict runs.
    strict = [] if trial.shared or trial.fps != int(trial.fps) else ["--strict"]
    ours = [] if trial.shared else ["--stamp", str(TICK_BITS), "--stamp-cell", str(CELL)]
    return [str(script), str(root), *strict, *ours]


def record(root: Path, trial: Trial, python: str) -> None:
    """Make the dataset of a trial: takes written, planned, encoded and committed as the product does it."""
    home = root.parent.parent
    settings = EncodeSettings(codec=trial.codec)
    spec = DatasetSpec(
        trial.fps,
        "sim_arm",
        features(trial),
        data_files_size_in_mb=trial.data_mb,
        video_files_size_in_mb=trial.video_mb,
    )
    number = 0
    for at, batch in enumerate(trial.batches):
        if trial.shared and at == len(trial.batches) - 1:
            adds = [python, str(ROOT / "bench/interop_record.py"), str(root), "15"]
            lerobot_forks.run(adds, check=True, capture_output=True, timeout=600)
        episodes = []
        for ticks in batch:
            take = make_take(home / "spool", trial, ticks, number)
            episodes.append(encode_take(take, home / "staging", settings))
            number += 1
        work, revisions = home / "datasets/.work", home / "datasets/.revisions" / root.name
        commit_episodes(root, spec, episodes, work=work, revisions=revisions)


def encode_take(folder: Path, staging: Path, settings: EncodeSettings) -> NewEpisode:
    with Take.open(folder) as take:
        plan = plan_take(take)
        encoded = {
            key: encode_camera(take, plan, key, staging / folder.name / f"{key}.mp4", settings) for key in take.cameras
        }
        return new_episode(take, plan, take.manifest["task"], encoded, folder.name, {"verdict": "keep"})


def features(trial: Trial) -> dict[str, Any]:
    picture = {"dtype": "video", "shape": [HEIGHT, WIDTH, 3], "names": ["height", "width", "channels"]}
    signal = {"dtype": "float32", "shape": [6], "names": NAMES}
    return {
        "action": signal,
        "observation.state": signal,
        "observation.force": {"dtype": "float64", "shape": [1], "names": None},
        "observation.touch": {"dtype": "bool", "shape": [2], "names": ["left", "right"]},
        **{f"observation.images.{name}": picture for name in trial.cameras},
        **({"subtask": {"dtype": "string", "shape": [1], "names": None}} if trial.texts else {}),
    }


def make_take(spool: Path, trial: Trial, ticks: int, episode: int) -> Path:
    """A take whose frames carry their tick, episode and camera."""
    keys = [f"observation.images.{name}" for name in trial.cameras]
    cameras = {key: {"codec": "mjpeg", "width": WIDTH, "height": HEIGHT} for key in keys}
    facts = {"rig": "sim", "robot_type": "sim_arm", "fps": trial.fps, "task": TASKS[episode % len(TASKS)]}
    folder = spool / new_take_id()
    writer = TakeWriter(folder, facts, features(trial), cameras)
    for tick in range(ticks):
        now = 1_000_000_000 + round(tick * 1_000_000_000 / trial.fps)
        for number, key in enumerate(keys):
            writer.add_frame(key, tick, now - 1_000_000, encode_jpeg(_picture(tick, episode, number)))
        phase = np.arange(6) + tick / 9 + episode
        values = {
            "action": np.sin(phase + 0.1).astype(np.float32),
            "observation.state": np.sin(phase).astype(np.float32),
            "observation.force": float(np.cos(tick / 7)),
            "observation.touch": np.array([tick % 3 == 0, tick % 5 > 2]),
            "subtask": f"step {tick // 8}",
        }
        writer.add_row(Row(tick, now, now, values, dict.fromkeys(keys, (tick, now - 1_000_000))))
    writer.finish()
    return folder


def _picture(tick: int, episode: int, camera: int) -> np.ndarray:
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    shade = (rows + 2 * columns + 3 * tick + 40 * camera) % 256
    picture = np.stack([shade, 255 - shade, np.full_like(shade, 30 * episode % 256)], axis=2).astype(np.uint8)
    draw(picture, Barcode(tick, episode, camera))
    return picture


if __name__ == "__main__":
    sys.exit(main())
