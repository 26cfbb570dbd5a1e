"""An overview of a dataset: lengths of its episodes, its tasks, the ranges of its joints, the gravest flags."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.models import Dataset
from recorder.models.episode import KEPT, EpisodeQuerySet
from recorder.models.groups import SECONDS, groups_of, mark_codes, matches
from recorder.models.states import EpisodeState, Verdict
from recorder.quality.assess import metrics_of_peers
from recorder.quality.contact_sheet import spread_over
from recorder.quality.densities import densities_of
from recorder.quality.issue_map import issue_map, takes_per_day, unusual_lengths
from recorder.quality.scale import nice_step
from robotdata.dataset.errors import DatasetError
from robotdata.dataset.layout import STATS, contained
from robotdata.dataset.reader import read_json
from robotdata.quality.inputs import flat_names, is_motion
from robotdata.quality.peers import Peers

_BINS = 20
_LEAST_BINS, _LEAST_ALIKE = 8, 15
_LIKE = 0.2
"""Lengths that differ by less than this share of the longest look alike."""
_MAX_WORST = 20
_MAX_DRAWN = 1e30


def overview(dataset: Dataset) -> dict[str, Any]:
    """Return `episodes`, `seconds`, `lengths`, `tasks`, `marks`, `ranges`, `worst`, `days`, `issue_map` and more.

    Rejected episodes are left out. `lengths` is a histogram in seconds (`edges_s` has one entry more than `counts`),
    with the `outliers`. `ranges` has one entry per joint
    (1st to 99th percentile of the measured takes, without the outermost takes; without measurements, the committed
    statistics), `densities` the spread of each, in the same order. `sheet` has the ids of episodes for the contact
    sheet. `worst` lists the twenty gravest episodes, worst first.
    """
    rows = dataset.episodes.filter(purged_at=None).exclude(verdict=Verdict.REJECT).exclude(state=EpisodeState.RECORDING)
    measured = list(rows.values_list("pk", SECONDS, "marks_weight", "recorded_at", "ticks"))
    ids, lengths = [row[0] for row in measured], np.array([max(0.0, row[1] or 0.0) for row in measured])
    marks, peers = mark_codes(rows), metrics_of_peers(dataset)
    return {
        "episodes": len(lengths),
        "seconds": round(float(lengths.sum()), 3),
        "lengths": {**_lengths(lengths), "outliers": unusual_lengths(ids, lengths.tolist())},
        "tasks": _tasks(dataset, rows),
        "marks": [{"code": code, "episodes": count} for code, count in marks.most_common()],
        "ranges": (ranges := _measured_ranges(Peers(peers)) if peers else _committed_ranges(dataset)),
        "densities": densities_of(dataset, ranges, peers),
        "sheet": spread_over([(row[3], row[0]) for row in measured if row[4]]),
        "worst": _worst(rows),
        "days": takes_per_day(rows),
        "issue_map": {**issue_map(rows), "of": sum(row[2] > 0 for row in measured)},
    }


def _lengths(seconds: NDArray[np.float64]) -> dict[str, Any]:
    """Return the histogram of lengths in seconds, float64 (episodes,), and their median."""
    if not len(seconds):
        return {"edges_s": [], "counts": [], "median_s": None}
    counts, edges = np.histogram(seconds, bins=_edges(float(seconds.min()), float(seconds.max())))
    return {
        "edges_s": [round(float(edge), 3) for edge in edges],
        "counts": [int(count) for count in counts],
        "median_s": round(float(np.median(seconds)), 3),
    }


def _edges(shortest: float, longest: float) -> NDArray[np.float64]:
    """Return round edges of `_LEAST_BINS` to `_BINS` bins that hold all lengths, float64 (bins + 1,) in seconds.

    Lengths that hardly differ fill few of the bins, in the middle, so that they look alike.
    """
    spread = longest - shortest
    step = max(0.1, nice_step(max(spread, _LIKE * longest), _BINS - 2))
    first = math.floor(shortest / step + 1e-9)
    last = max(first + 1, math.ceil(longest / step - 1e-9))
    while last - first < (_LEAST_ALIKE if spread < _LIKE * longest else _LEAST_BINS):
        first, last = max(0, first - 1), last + 1
    return np.arange(first, last + 1, dtype=np.float64) * np.float64(step)


def _tasks(dataset: Dataset, rows: EpisodeQuerySet) -> list[dict[str, Any]]:
    """Return the tasks, those with most episodes first; `kept` counts episodes that are or will be in the dataset."""
    lines: dict[str, dict[str, Any]] = {}
    for group in groups_of(rows, "task"):
        blank = {"task": group["task"], "episodes": 0, "kept": 0, "seconds": 0.0, "goal": dataset.goal}
        line = lines.setdefault(group["task"], blank)
        line["episodes"] += group["n"]
        line["kept"] += group["n"] if matches(KEPT, group) else 0
        line["seconds"] = round(line["seconds"] + group["seconds"], 3)
    return sorted(lines.values(), key=lambda line: (-line["episodes"], line["task"]))


def _measured_ranges(peers: Peers) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    newest = peers.takes[0].signals
    for feature in peers.spans_for(peers.takes[0]):
        names = newest[feature].names
        moving = peers.share_moving(feature, names)
        matching = [
            signal
            for take in peers.takes
            if (signal := take.signals.get(feature)) is not None and signal.names == names
        ]
        lowest, highest = (
            np.min([signal.least for signal in matching], axis=0),
            np.max([signal.most for signal in matching], axis=0),
        )
        low = np.percentile([signal.low for signal in matching], 10, axis=0)
        high = np.percentile([signal.high for signal in matching], 90, axis=0)
        for index, name in enumerate(names):
            lines.append(
                {
                    "feature": feature,
                    "name": name,
                    "least": float(lowest[index]),
                    "low": float(low[index]),
                    "high": float(high[index]),
                    "most": float(highest[index]),
                    "moving": round(float(moving[index]), 4) if moving is not None else None,
                    "takes": len(matching),
                }
            )
    return lines


def _committed_ranges(dataset: Dataset) -> list[dict[str, Any]]:
    path = dataset.path / STATS
    try:
        stats = read_json(contained(dataset.path, STATS)) if path.is_file() else {}
    except (DatasetError, OSError):
        return []
    lines: list[dict[str, Any]] = []
    for feature, spec in dataset.features.items():
        if is_motion(feature) and isinstance(spec, dict) and isinstance(stats, dict):
            lines += _committed_lines(feature, spec, stats.get(feature), dataset.total_episodes)
    return lines


def _committed_lines(feature: str, spec: dict[str, Any], stats: Any, takes: int) -> list[dict[str, Any]]:
    statistics = {}
    for name, key in (("least", "min"), ("low", "q01"), ("high", "q99"), ("most", "max")):
        value = stats.get(key) if isinstance(stats, dict) else None
        statistics[name] = value if isinstance(value, list) and all(_is_drawable(number) for number in value) else []
    size = len(statistics["least"])
    if not size or len(statistics["most"]) != size:
        return []
    names = flat_names(feature, spec, size)
    return [
        {
            "feature": feature,
            "name": names[index],
            **{key: values[index] if len(values) == size else None for key, values in statistics.items()},
            "moving": None,
            "takes": takes,
        }
        for index in range(size)
    ]


def _is_drawable(value: Any) -> bool:
    """Return whether a statistic can be drawn; a file may hold anything."""
    return isinstance(value, int | float) and abs(value) < _MAX_DRAWN


def _worst(rows: EpisodeQuerySet) -> list[dict[str, Any]]:
    gravest = rows.filter(marks_weight__gt=0).order_by("-marks_weight", "-recorded_at")
    fields = ("pk", "task", "state", "marks_weight", "marks")
    return [
        {"id": str(pk), "task": task, "state": state, "score": weight, "marks": marks}
        for pk, task, state, weight, marks in gravest.values_list(*fields)[:_MAX_WORST]
    ]
