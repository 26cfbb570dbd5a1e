"""Find oddities of a dataset that people should know before they change it or train on it.

They are found without reading all of the dataset.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from robotdata.dataset.episode_list import EpisodeInfo
from robotdata.dataset.errors import DamagedFile
from robotdata.dataset.grid import off_grid
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.tables import is_numbers, open_parquet, read_columns, to_numpy
from robotdata.dataset.tasks import disagreement, row_numbers


def oddities(dataset: DatasetFolder) -> list[str]:
    """Return a message per oddity: tasks that differ between table and rows, timestamps, statistics.

    Timestamps should be multiples of 1/fps, and statistics finite. Each message has its number of episodes. Unreadable
    files are reported elsewhere. Three columns of every data file are read.
    """
    numbers, _ = row_numbers(dataset)
    messages = []
    if (differ := disagreement(dataset, numbers)) is not None:
        messages.append(f"{str(differ)[:1].upper()}{str(differ)[1:]}; so do edits. Relabelling an episode fixes it.")
    if clocked := _off_grid(dataset):
        messages.append(
            f"The timestamps of {len(clocked)} of {len(dataset.episodes)} episodes are not frame number / fps (the "
            f"first is episode {clocked[0]}), as if they were a clock's. LeRobot cannot "
            "find frames by them; edits keep them."
        )
    if names := _not_finite(dataset):
        messages.append(
            f"The statistics of {', '.join(names[:5])} are not finite: a row is NaN or infinite. Training on it "
            "fails; delete or trim the episode that `verify` names."
        )
    return messages


def _off_grid(dataset: DatasetFolder) -> list[int]:
    """Return the episodes whose timestamps differ from frame_index / fps by more than `verify` allows, ascending."""
    files: dict[Path, list[EpisodeInfo]] = {}
    for episode in dataset.episodes:
        if episode.data_file is not None:
            files.setdefault(episode.data_file, []).append(episode)
    wrong: set[int] = set()
    for path in files:
        try:
            with open_parquet(path) as file:
                table = read_columns(file, path, ["timestamp", "frame_index", "episode_index"])
        except DamagedFile:
            continue  # reported with its episodes
        columns = {name: to_numpy(table.column(name)) for name in table.column_names}
        if len(columns) < 3 or not all(is_numbers(values) for values in columns.values()):
            continue
        exact = columns["frame_index"] / dataset.fps
        wrong |= {int(number) for number in np.unique(columns["episode_index"][off_grid(columns["timestamp"], exact)])}
    return sorted(wrong)


def _not_finite(dataset: DatasetFolder) -> list[str]:
    """Return the features whose statistics in stats.json are NaN or infinite."""
    try:
        stored = dataset.stats()
    except DamagedFile:
        return []
    return [key for key, stat in stored.items() if isinstance(stat, dict) and not all(map(_finite, stat.values()))]


def _finite(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_finite, value))
    return not isinstance(value, float) or math.isfinite(value)
