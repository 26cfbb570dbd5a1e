"""Find where each episode's frames are in the videos: the packets are counted, and the rows say how many are whose."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robotdata.dataset.episode_list import file_problem
from robotdata.dataset.episode_names import named_episodes
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.repair.rows import EpisodeRows, numbers_by_place
from robotdata.numbers import count
from robotdata.video.errors import VideoError
from robotdata.video.index import index_video

_TIME_S = 1e-4
Starts = dict[int, dict[str, int]]
"""The first frame in its video by episode and camera; episodes of which it stays unknown are left out."""


def plan_starts(base: DatasetFolder, all_rows: Sequence[EpisodeRows], left: list[str]) -> tuple[Starts, bool]:
    """Return where each episode's frames begin, and whether all frames are at n / fps.

    Sentences about videos that do not fit their rows are added to `left`.
    """
    starts: Starts = {}
    at_rate = True
    shown = numbers_by_place(base)
    for key in base.video_keys:
        files: dict[Path, list[int]] = {}
        lost = []
        for number, episode in enumerate(base.episodes):
            if key in episode.videos:
                files.setdefault(episode.videos[key].path, []).append(number)
            else:
                lost.append(number)
        if lost:
            left.append(f"camera {key}: no video is named by {named_episodes(lost, shown)}")
        for path, numbers in files.items():
            name, times, fault = _times(base, path)
            if fault:
                left.append(f"{name}, with the frames of {named_episodes(numbers, shown)}, {fault}")
                continue
            if bool((np.abs(times - np.arange(len(times)) / base.fps) > _TIME_S).any()):
                left.append(f"{name}: its frames are not at n / {base.fps}; only encoding it again puts that right")
                at_rate = False
            for number, start in _starts_in(base, all_rows, key, numbers, name, len(times), left).items():
                starts.setdefault(number, {})[key] = start
    return starts, at_rate


def _times(base: DatasetFolder, path: Path) -> tuple[str, NDArray[np.float64], str]:
    """Return a video's name, the times of its frames in seconds, (frames,), and why it cannot be read."""
    root = base.root.resolve()
    name = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
    none = np.empty(0, np.float64)
    if fault := file_problem(path):
        return name, none, fault
    try:
        index = index_video(path)
    except VideoError as error:
        return name, none, f"cannot be read ({error})"
    return name, index.pts[index.order].astype(np.float64) * float(index.time_base), ""


def _starts_in(
    base: DatasetFolder,
    all_rows: Sequence[EpisodeRows],
    key: str,
    numbers: Sequence[int],
    name: str,
    frames: int,
    left: list[str],
) -> dict[int, int]:
    """Return the first frame of each episode of one file, if its frames fit the rows."""
    total = sum(all_rows[n].length for n in numbers)
    spans = {n: base.episodes[n].videos[key] for n in numbers}
    expected, tiles = 0, True
    for n in sorted(numbers, key=lambda n: spans[n].from_timestamp):
        start = spans[n].first_frame
        tiles &= start == expected and abs(spans[n].from_timestamp - start / base.fps) <= _TIME_S
        expected += all_rows[n].length
    if total != frames:
        left.append(f"{name} has {count(frames, 'frame')}, and its {len(numbers)} episodes have {count(total, 'row')}")
        if total > frames or not tiles:
            return {}
    if tiles:
        return {n: spans[n].first_frame for n in numbers}
    starts, begin = {}, 0
    for n in numbers:
        starts[n] = begin
        begin += all_rows[n].length
    return starts
