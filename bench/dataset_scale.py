"""Opens, verifies and adds to a dataset of EPISODES (5,000) episodes with three cameras; prints JSON.

The videos are one small file a camera, referred to by all episodes: what is measured is the work on rows and lists.
"""

from __future__ import annotations

import json
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from robotdata.dataset import DatasetFolder, DatasetSpec, NewEpisode, commit_episodes  # noqa: E402
from robotdata.dataset.stats import ImageStats  # noqa: E402
from robotdata.dataset.write.edit import delete_episodes, trim_episodes  # noqa: E402
from robotdata.dataset.write.transfer import Where, copy_episodes, duplicate, merge  # noqa: E402
from robotdata.video.codecs import EncodeSettings  # noqa: E402
from robotdata.video.encode import encode_frames  # noqa: E402

EPISODES = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000
LENGTH = 20
CAMERAS = [f"observation.images.{name}" for name in ("front", "top", "wrist")]
SIGNAL = {"dtype": "float32", "shape": [14], "names": [f"joint_{n}.pos" for n in range(14)]}
PICTURE = {"dtype": "video", "shape": [64, 64, 3], "names": ["height", "width", "channels"]}
FEATURES = {"action": SIGNAL, "observation.state": SIGNAL, **dict.fromkeys(CAMERAS, PICTURE)}


def main() -> None:
    home = Path(tempfile.mkdtemp(prefix="robotdata-scale-"))
    try:
        print(json.dumps(measure(home)))
    finally:
        shutil.rmtree(home)


def measure(home: Path) -> dict[str, Any]:
    root, places = home / "data/large", {"work": home / "data/.work", "revisions": home / "data/.old"}
    pictures = [np.full((64, 64, 3), 10 * n, np.uint8) for n in range(LENGTH)]
    video = encode_frames(pictures, home / "v.mp4", fps=30, settings=EncodeSettings(codec="h264")).path
    counted = ImageStats()
    for picture in pictures:
        counted.add(picture)
    stats = dict.fromkeys(CAMERAS, counted.result())

    def new(number: int) -> NewEpisode:
        ticks = np.arange(LENGTH)[:, None] + np.arange(14) + number
        values = {name: np.sin(ticks / 9).astype(np.float32) for name in ("action", "observation.state")}
        return NewEpisode(f"e{number}", f"task {number % 7}", values, LENGTH, dict.fromkeys(CAMERAS, video), stats)

    spec = DatasetSpec(30, "arm", FEATURES)
    made = _timed(lambda: commit_episodes(root, spec, [new(n) for n in range(EPISODES)], **places))
    cpu = time.process_time()
    opened = [_timed(lambda: DatasetFolder.open(root)) for _ in range(7)]
    open_cpu = (time.process_time() - cpu) / len(opened)
    dataset = DatasetFolder.open(root)
    rows = [_timed(lambda n=n: dataset.rows(n)) for n in range(0, EPISODES, max(1, EPISODES // 50))]
    added = [_timed(lambda n=n: commit_episodes(root, spec, [new(EPISODES + n)], **places)) for n in range(3)]
    deleted = _timed(lambda: delete_episodes(root, [EPISODES // 2], **places))
    trimmed = _timed(lambda: trim_episodes(root, {EPISODES // 2: (4, 12)}, **places))
    where = {name: Where(home / "data/.work", home / "data/.old-of" / name) for name in ("part", "twice", "both")}
    part, twice, both = (root.with_name(name) for name in where)
    copied = _timed(lambda: copy_episodes(root, range(0, EPISODES, 50), part, where["part"]))
    appended = _timed(lambda: copy_episodes(part, [0], root, Where(places["work"], places["revisions"])))
    duplicated = _timed(lambda: duplicate(root, twice, where["twice"]))
    merged = _timed(lambda: merge([root, twice], both, where["both"]))
    return {
        "episodes": EPISODES,
        "open_ms": round(1000 * statistics.median(opened), 1),
        "open_cpu_ms": round(1000 * open_cpu, 1),
        "rows_of_one_ms": round(1000 * statistics.median(rows), 2),
        "commit_all_s": round(made, 2),
        "commit_one_more_s": round(statistics.median(added), 2),
        "delete_one_s": round(deleted, 2),
        "trim_one_s": round(trimmed, 2),
        "copy_each_50th_s": round(copied, 2),
        "copy_one_into_it_s": round(appended, 2),
        "duplicate_s": round(duplicated, 2),
        "merge_with_duplicate_s": round(merged, 2),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000),
    }


def _timed(work: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
