"""Does `verify --deep` ever blame what was rightly made? Encodes by chance, fresh statistics, and no alarm is allowed.

    python bench/verify_alarms.py --encodes 2000 --seed 1 [--within-s 220]

Each dataset has one camera or two and several episodes of one kind of footage (drawn, or of ROBOTDATA_TESTDATA), as
JPEG and PNG packets of some quality, encoded as the product encodes a take, with any codec that it offers in software,
any quality from the best to the worst, any distance of keyframes, several presets and pixel formats. Statistics are
made on the way, by the product's own function. Prints JSON; exit code 1 where anything was blamed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
import uuid
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.alarm_footage import KINDS, packet, real_videos  # noqa: E402
from robotdata.dataset import DatasetSpec, NewEpisode, commit_episodes, verify_dataset  # noqa: E402
from robotdata.dataset.stats import ImageStats  # noqa: E402
from robotdata.export.encode import pass_and_sample  # noqa: E402
from robotdata.video import EncodeSettings, encode_packets  # noqa: E402

CAMERAS = ("observation.images.front", "observation.images.top")
FPS = 30
SIZES = [(32, 32), (64, 32), (64, 48), (96, 64), (160, 120), (272, 64), (320, 180), (320, 240), (640, 480)]
OFTEN = [0.24, 0.14, 0.22, 0.16, 0.07, 0.08, 0.04, 0.03, 0.02]
CODECS = {"libsvtav1": 0.35, "h264": 0.35, "hevc": 0.26, "libaom-av1": 0.04}
WORST = {"libsvtav1": 63, "h264": 51, "hevc": 51, "libaom-av1": 63}
PRESETS: dict[str, list[Any]] = {
    "libsvtav1": [12, 12, 10],
    "h264": ["ultrafast", "veryfast", "medium"],
    "hevc": ["ultrafast", "superfast"],
    "libaom-av1": [8],
}
FORMATS = {
    "h264": ["yuv420p", "yuv420p", "yuv422p", "yuv444p", "yuv420p10le"],
    "libsvtav1": ["yuv420p", "yuv420p", "yuv420p10le"],
    "hevc": ["yuv420p", "yuv420p", "yuv420p10le"],
    "libaom-av1": ["yuv420p"],
}


def any_settings(rng: np.random.Generator, width: int) -> EncodeSettings:
    """What a person may choose, with the ends of each scale more often than the rest."""
    codec = str(rng.choice(list(CODECS), p=list(CODECS.values())))
    if codec == "hevc" and width < 50:  # refused: x265 overwrites memory there
        codec = "h264"
    worst = WORST[codec]
    crf = int(rng.choice([0, worst])) if rng.random() < 0.25 else int(rng.integers(0, worst + 1))
    preset = PRESETS[codec][int(rng.integers(len(PRESETS[codec])))]
    pix_fmt = str(rng.choice(FORMATS[codec]))
    return EncodeSettings(codec=codec, pix_fmt=pix_fmt, g=int(rng.choice([1, 2, 12, 250])), crf=crf, preset=preset)


def make_dataset(rng: np.random.Generator, home: Path, encodes: int) -> tuple[Path, dict[str, Any]]:
    """A dataset of `encodes` encodes of one kind of footage, of one camera or two, and in words what it was made of."""
    kind = str(rng.choice(list(KINDS)))
    width, height = SIZES[int(rng.choice(len(SIZES), p=OFTEN))]
    cameras = CAMERAS if encodes % 2 == 0 and rng.random() < 0.4 else CAMERAS[:1]
    mixed = rng.random() < 0.5  # an encoder for each episode, or one for all
    same = rng.random() < 0.2  # the same pictures again and again, as a replay gives them
    settings, seed = any_settings(rng, width), int(rng.integers(1 << 31))
    made, words = [], []
    for number in range(encodes // len(cameras)):
        settings = any_settings(rng, width) if mixed else settings
        first = seed if same else seed + 10 * number
        count = int(np.random.default_rng(first).integers(1, 6))
        videos, stats = {}, {}
        for camera, key in enumerate(cameras):
            chance = np.random.default_rng(first + camera)
            packets = [packet(chance, picture) for picture in KINDS[kind](chance, width, height, count)]
            counted, videos[key] = ImageStats(), home / f"{number}-{camera}.mp4"
            on_the_way = pass_and_sample(iter(packets), count, counted)
            encode_packets(on_the_way, videos[key], fps=FPS, settings=settings)
            stats[key] = counted.result()
            words.append({name: value for name, value in asdict(settings).items() if value} | {"frames": count})
        rows = {"action": np.zeros((count, 1), np.float32)}
        made.append(NewEpisode(str(uuid.uuid4()), "look", rows, count, videos, stats))
    picture = {"dtype": "video", "shape": [height, width, 3], "names": ["height", "width", "channels"]}
    features = {"action": {"dtype": "float32", "shape": [1], "names": None}, **dict.fromkeys(cameras, picture)}
    root = home / "dataset"
    places = {"work": home / ".work", "revisions": home / ".revisions"}
    commit_episodes(root, DatasetSpec(FPS, "drawn", features), made, **places)
    return root, {"kind": kind, "size": [width, height], "same": bool(same), "encodes": words}


def search(encodes: int, seed: int, within_s: float = float("inf"), most: int = 10) -> dict[str, Any]:
    """Make and verify datasets of up to `most` encodes until there were `encodes` encodes, or the time is over."""
    rng, began = np.random.default_rng(seed), time.monotonic()
    done, datasets, alarms, codecs = 0, 0, [], Counter[str]()
    notes = Counter[str]()
    while done < encodes and time.monotonic() - began < within_s:
        home = Path(tempfile.mkdtemp(prefix="robotdata-alarms-"))
        try:
            count = int(min(rng.integers(2, most + 1), encodes - done))
            root, about = make_dataset(rng, home, count)
            report = verify_dataset(root, deep=True)
        finally:
            shutil.rmtree(home)
        done, datasets = done + count, datasets + 1
        notes.update(report.notes)
        codecs.update(each["codec"] for each in about["encodes"])
        if report.problems:
            alarms.append(about | {"blamed": [str(problem) for problem in report.problems]})
    return {
        "encodes": done,
        "datasets": datasets,
        "false_alarms": sum(len(alarm["blamed"]) for alarm in alarms),
        "notes": dict(notes),
        "seed": seed,
        "codecs": dict(codecs),
        "real_videos": len(real_videos()),
        "seconds": round(time.monotonic() - began, 1),
        "alarms": alarms,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--encodes", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--most", type=int, default=10, help="encodes per dataset (default 10)")
    parser.add_argument("--within-s", type=float, default=float("inf"), help="stop after this many seconds")
    chosen = parser.parse_args()
    found = search(chosen.encodes, chosen.seed, chosen.within_s, chosen.most)
    print(json.dumps(found, indent=2))
    return 1 if found["alarms"] else 0


if __name__ == "__main__":
    sys.exit(main())
