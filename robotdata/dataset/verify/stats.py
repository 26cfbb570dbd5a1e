"""Check statistics by themselves and against each other: those of the dataset must follow from the episodes'."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.dataset.errors import DamagedFile
from robotdata.dataset.features import DEFAULT_FEATURES, NUMERIC_DTYPES, frame_size, is_depth, is_video
from robotdata.dataset.layout import EPISODES_GLOB, STATS
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.tables import read_table
from robotdata.dataset.verify.moments import impossible, overflown
from robotdata.dataset.verify.pictures import sampled, thinned
from robotdata.dataset.verify.quantiles import SHARES, all_rows, unlike_parts, unlike_rows
from robotdata.dataset.verify.report import Report

BASE = ("min", "max", "mean", "std", "count")
QUANTILES = tuple(SHARES)
_NEAR = 1e-4
Stat = dict[str, NDArray[np.float64]]
StoredStats = dict[int, dict[str, dict[str, Any]]]
"""By episode, feature and name."""


def check_derived(dataset: DatasetFolder, report: Report, stored: StoredStats) -> None:
    """Check each episode's statistics, and those of `stats.json` against the episodes'."""
    keys = [key for key, feature in dataset.features.items() if is_video(feature) or feature["dtype"] in NUMERIC_DTYPES]
    try:
        totals = dataset.stats()
    except DamagedFile:
        totals = {}  # reported where rows are compared with them
    without_spread: dict[str, int] = {}
    for key in keys:
        if key in DEFAULT_FEATURES:
            continue
        colours = is_video(dataset.features[key]) and not is_depth(dataset.features[key])
        limit = 1.0 if colours else None
        stats_by_episode = {index: _arrays(stats.get(key, {})) for index, stats in stored.items()}
        for index, stat in sorted(stats_by_episode.items()):
            wrong = disorder(stat, limit)
            if colours and wrong is None and overflown(stat):
                without_spread[key] = without_spread.get(key, 0) + 1
            elif colours and wrong is None:
                wrong = impossible(stat)
            _add(report, "meta/episodes", key, wrong, index)
        total = totals.get(key)
        if isinstance(total, dict) and is_video(dataset.features[key]):
            _check_counts(dataset, key, stats_by_episode, _arrays(total), report)
        blamed = any(p.what.startswith(_prefix(key)) and p.file == "meta/episodes" for p in report.problems)
        blamed |= 0 < without_spread.get(key, 0) < len(stats_by_episode)
        if (
            isinstance(total, dict) and stats_by_episode and not blamed
        ):  # else it may well be right, and one of them is wrong
            total_stat, parts = _arrays(total), list(stats_by_episode.values())
            camera = is_video(dataset.features[key])
            wrong = (
                disorder(total_stat, limit)
                or _apart(total_stat, parts, camera)
                or _astray(dataset, key, total_stat, parts)
            )
            _add(report, STATS, key, wrong, None)
    if without_spread:
        _note_without_spread(without_spread, len(dataset.episodes), report)


def _note_without_spread(counts: Mapping[str, int], episodes: int, report: Report) -> None:
    each = ", ".join(f"{key} in {count} of {episodes} episodes" for key, count in counts.items())
    report.note(
        f"the spread (std) of {each} is 0 or too small for its frames: LeRobot before 0.6 counted it in 8 bits while "
        "recording. Train with ImageNet's statistics (use_imagenet_stats), or recompute these (`robotdata repair`)"
    )


def _check_counts(dataset: DatasetFolder, key: str, found: Mapping[int, Stat], total: Stat, report: Report) -> None:
    """Report episodes with a wrong count.

    LeRobot counts the sampled frames or, if it encodes while recording, all pixels.
    """
    counts = {index: stat["count"][0] for index, stat in found.items() if "count" in stat}
    if "count" not in total or sum(counts.values()) == total["count"][0]:
        return
    width, height = frame_size(dataset.features[key])
    step = thinned(height, width)
    pixels = math.ceil(height / step) * math.ceil(width / step)
    for episode in dataset.episodes:
        count, frames = counts.get(episode.index), episode.length
        if frames and count is not None and count not in (len(sampled(frames)), frames, frames * pixels):
            problem = f"count is {count:.10g}, LeRobot samples {len(sampled(frames))} of its {frames} frames"
            _add(report, "meta/episodes", key, problem, episode.index)


def _add(report: Report, file: str, key: str, wrong: str | None, episode: int | None) -> None:
    """Report a problem of a statistic, unless one was reported already."""
    reported = any(p.what.startswith(_prefix(key)) and (p.file, p.episode) == (file, episode) for p in report.problems)
    if wrong and not reported:
        report.add(file, _prefix(key) + wrong, episode)


def _prefix(key: str) -> str:
    """Return the beginning of all problems of this feature."""
    return f"statistics of {key}: "


def disorder(stat: Mapping[str, NDArray[np.float64]], most: float | None) -> str | None:
    """Return what no data can have, or None. `most` is the greatest possible value."""
    sides = [stat[name] for name in ("min", *QUANTILES, "max") if name in stat]
    names = [name for name in ("min", *QUANTILES, "max") if name in stat]
    if len({side.shape for side in sides}) > 1:
        return "its parts have different lengths"
    for n in range(1, len(sides)):
        if not np.all(sides[n - 1] <= sides[n] + _NEAR * (1 + np.abs(sides[n]))):
            return f"{names[n - 1]} is above {names[n]}"
    if most is not None and sides and not (np.all(sides[0] >= 0) and np.all(sides[-1] <= most)):
        return f"a camera's are shares of white, 0 to 1, these are {sides[0].min():.4g} to {sides[-1].max():.4g}"
    mean, low, high = (stat.get(name) for name in ("mean", "min", "max"))
    if mean is not None and low is not None and high is not None and mean.shape == low.shape == high.shape:
        near = _NEAR * (1 + np.abs(mean))
        if not (np.all(mean >= low - near) and np.all(mean <= high + near)):
            return "mean is not between min and max"
    return None


def _apart(total: Stat, parts: list[Stat], camera: bool) -> str | None:
    """Return where the dataset's statistics do not follow from its episodes'.

    Quantiles may follow by the rule of any program.
    """
    if not all(name in part for name in BASE for part in parts) or not all(name in total for name in BASE):
        return None
    if len({part["mean"].shape for part in parts} | {total["mean"].shape}) > 1:
        return "it has another length than the episodes'"
    if camera:
        count = np.array([part["count"][0] for part in parts])
        mean = np.stack([part["mean"] for part in parts])
        weight = (count / max(1.0, count.sum()))[:, None]
        middle = (mean * weight).sum(axis=0)
        spread = np.stack([part["std"] for part in parts]) ** 2 + (mean - middle) ** 2
        want = {
            "min": np.min([part["min"] for part in parts], axis=0),
            "max": np.max([part["max"] for part in parts], axis=0),
            "mean": middle,
            "std": np.sqrt((spread * weight).sum(axis=0)),
            "count": np.array([count.sum()]),
        }
        for name, value in want.items():
            if not np.allclose(total[name], value, rtol=1e-4, atol=1e-5):
                return f"{name} is {total[name][0]:.6g}, the episodes' give {value[0]:.6g}"
    for name in QUANTILES:
        if name in total and all(name in part for part in parts):
            sides = np.stack([part[name] for part in parts])
            near = _NEAR * (1 + np.abs(sides).max(axis=0))
            if not np.all((total[name] >= sides.min(axis=0) - near) & (total[name] <= sides.max(axis=0) + near)):
                return f"{name} is outside of the episodes' own"
    return None


def _astray(dataset: DatasetFolder, key: str, total: Stat, parts: list[Stat]) -> str | None:
    """Return a quantile of the dataset that follows neither from the episodes' nor from all rows."""
    if not all(name in stat for name in BASE for stat in (total, *parts)):
        return None
    odd = unlike_parts(total, parts)
    if not odd:
        return None
    rows = None if is_video(dataset.features[key]) else all_rows(dataset, key)
    if (
        rows is not None
        and unlike_rows({name: total[name] for name in odd}, rows, dataset.features[key]["shape"]) is None
    ):
        return None
    return f"{odd[0]} follows from those of its episodes by no rule of LeRobot's"


def _arrays(stat: Mapping[str, Any]) -> Stat:
    """Return the statistics as flat arrays; those that are not finite numbers are left out."""
    arrays: Stat = {}
    for name in (*BASE, *QUANTILES):
        try:
            values = np.asarray(stat[name], np.float64).reshape(-1)
        except (KeyError, TypeError, ValueError):
            continue
        if len(values) and np.isfinite(values).all():
            arrays[name] = values
    return arrays


def stored_stats(dataset: DatasetFolder) -> StoredStats:
    """Return the statistics in the tables of episodes."""
    result: StoredStats = {}
    for path in sorted(dataset.root.glob(EPISODES_GLOB)):
        try:
            columns = read_table(path, root=dataset.root).to_pydict()
        except DamagedFile:
            continue  # reported where the tables are checked
        numbers = columns.get("episode_index") or []
        for name, values in columns.items():
            if name.startswith("stats/"):
                key, _, part = name.removeprefix("stats/").rpartition("/")
                for index, value in zip(numbers, values, strict=False):
                    if value is not None and isinstance(index, int):
                        result.setdefault(index, {}).setdefault(key, {})[part] = value
    return result
