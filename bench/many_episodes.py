"""A dataset of EPISODES (5,000) episodes with three cameras in the product: add it, open its page, relabel and delete.

    python bench/many_episodes.py [EPISODES] [--profile ACT]

Each act runs in this process as a worker or the web would run it, rows of the database included. Prints JSON: seconds
of processor time by act, and how far the peak of memory rose in it; `again` is five more relabels, one after the
other. With --profile it prints where ACT (index, page, relabel, delete, trim or disk) spends its time.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import resource
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from multiprocessing import Process
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

LENGTH = 20
CAMERAS = [f"observation.images.{name}" for name in ("front", "top", "wrist")]
SIGNAL = {"dtype": "float32", "shape": [14], "names": [f"joint_{n}.pos" for n in range(14)]}
PICTURE = {"dtype": "video", "shape": [64, 64, 3], "names": ["height", "width", "channels"]}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("episodes", nargs="?", type=int, default=5000)
    parser.add_argument("--profile", metavar="ACT", default="")
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="robotdata-many-"))
    try:
        maker = Process(target=make, args=(home / "datasets" / "many", options.episodes))
        maker.start()  # a process of its own, so that its memory is not in the peaks
        maker.join()
        print(json.dumps(measure(home, options.profile)))
    finally:
        shutil.rmtree(home)


def make(root: Path, count: int) -> None:
    """Make the dataset. All episodes of a camera have the same small video; their rows and statistics are their own."""
    from robotdata.dataset import DatasetSpec, NewEpisode, commit_episodes
    from robotdata.dataset.stats import ImageStats
    from robotdata.video.codecs import EncodeSettings
    from robotdata.video.encode import encode_frames

    root.parent.mkdir(parents=True)
    pictures = [np.full((64, 64, 3), 10 * n, np.uint8) for n in range(LENGTH)]
    settings = EncodeSettings(codec="h264")
    video = encode_frames(pictures, root.parent.parent / "v.mp4", fps=30, settings=settings).path
    counted = ImageStats()
    for picture in pictures:
        counted.add(picture)
    stats = dict.fromkeys(CAMERAS, counted.result())

    def new(number: int) -> NewEpisode:
        ticks = np.arange(LENGTH)[:, None] + np.arange(14) + number
        values = {name: np.sin(ticks / 9).astype(np.float32) for name in ("action", "observation.state")}
        return NewEpisode(
            str(uuid.UUID(int=number + 1)), f"task {number % 7}", values, LENGTH, dict.fromkeys(CAMERAS, video), stats
        )

    features = {"action": SIGNAL, "observation.state": SIGNAL, **dict.fromkeys(CAMERAS, PICTURE)}
    places = {"work": root.parent / ".work", "revisions": root.parent / ".revisions" / root.name}
    commit_episodes(root, DatasetSpec(30, "arm", features), [new(n) for n in range(count)], **places)


def measure(home: Path, profiled: str) -> dict[str, Any]:
    """Do each act once; return what it cost."""
    os.environ |= {"ROBOTDATA_HOME": str(home), "DJANGO_SETTINGS_MODULE": "robotdata.settings"}
    import django

    django.setup()
    from django.core.management import call_command
    from django.test import Client

    call_command("migrate", verbosity=0)
    from recorder.actor import COMMAND
    from recorder.catalog.datasets_on_disk import adopt_folder, refresh_dataset
    from recorder.catalog.disk import measure as measure_disk
    from recorder.jobs import notify
    from recorder.jobs.revising import apply_changes
    from recorder.models import Dataset
    from recorder.models.access import ensure_operator
    from recorder.review.verdicts import edit_episodes, set_verdict
    from recorder.worker.run import run_operation
    from recorder.worker.tasks import freeze_modules
    from robotdata.dataset.reader import DatasetFolder

    notify._send = lambda name, args: None  # no worker: this process is the worker
    freeze_modules()  # as a worker does at its start
    web = Client(headers={"host": "localhost"})

    def applied() -> None:
        operation = apply_changes(dataset=Dataset.objects.get(), actor=COMMAND)
        run_operation(operation.pk)
        operation.refresh_from_db()
        if operation.state != "done":
            raise SystemExit(f"{operation}: {operation.error}")

    def episode(number: int) -> Any:
        return Dataset.objects.get().episodes.get(episode_index=number)

    def relabel(task: str = "another task") -> None:
        edit_episodes(episodes=[episode(7)], actor=COMMAND, task=task)
        applied()

    def delete() -> None:
        set_verdict(episodes=[episode(11)], verdict="reject", actor=COMMAND)
        applied()

    def trim() -> None:
        edit_episodes(episodes=[episode(13)], actor=COMMAND, trim_first=4, trim_end=12)
        applied()

    def page() -> None:
        from django.contrib.auth import get_user_model

        web.force_login(get_user_model().objects.get(username=ensure_operator()), "robotdata.sessions.UserBackend")
        answer = web.get("/datasets/many/?view=committed")
        if answer.status_code != 200:
            raise SystemExit(f"the page answers {answer.status_code}")

    acts: dict[str, Callable[[], Any]] = {
        "index": lambda: adopt_folder(actor=COMMAND, slug="many"),
        "open": lambda: DatasetFolder.open(home / "datasets/many"),
        "page": page,
        "refresh": lambda: refresh_dataset(dataset=Dataset.objects.get()),
        "relabel": relabel,
        "delete": delete,
        "trim": trim,
        "again": lambda: [relabel(f"task {number % 2}") for number in range(5)],
        "disk": measure_disk,
    }
    found: dict[str, Any] = {}
    for name, act in acts.items():
        found |= _cost(name, act, profile=name == profiled)
    return {"episodes": Dataset.objects.get().total_episodes, **found}


def _cost(name: str, act: Callable[[], Any], *, profile: bool) -> dict[str, float]:
    peak, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    if profile:
        with cProfile.Profile() as profiler:
            act()
        pstats.Stats(profiler).sort_stats("cumulative").print_stats(60)
    else:
        act()
    took, after = time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {f"{name}_cpu_s": round(took, 2), f"{name}_peak_mb": round((after - peak) / 1024)}


if __name__ == "__main__":
    main()
