"""Recount what in `info.json` follows from the episodes: counters, splits, the default features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from robotdata.dataset.convert.old_rows import RECORDED_TIME
from robotdata.dataset.features import DEFAULT_FEATURES
from robotdata.dataset.write.draft import counted_info
from robotdata.dataset.write.splits import TRAIN, mapped_splits


def new_info(
    info: Mapping[str, Any], *, episodes: int, frames: int, tasks: int, keep_times: bool
) -> tuple[dict[str, Any], list[str]]:
    """Return `info.json` as it should be, and what of it differs, as `total_frames 5 -> 7`."""
    splits, _ = mapped_splits(info.get("splits"), episodes, range(episodes), 0)
    stale = {TRAIN: f"0:{info.get('total_episodes')}"}
    if info.get("splits") == stale and info.get("total_episodes") != episodes:
        splits = {TRAIN: f"0:{episodes}"}  # it meant all episodes
    new = counted_info(info, episodes=episodes, frames=frames, tasks=tasks, splits=splits)
    changed = [
        f"{name} {info.get(name)!r:.60} -> {new[name]!r:.60}"
        for name in ("total_episodes", "total_frames", "total_tasks", "splits")
        if info.get(name) != new[name]
    ]
    features = {key: dict(feature) for key, feature in info["features"].items()}
    for key, default in DEFAULT_FEATURES.items():
        if key not in features:
            features[key] = dict(default)
            changed.append(f"feature {key} declared")
        elif features[key].get("dtype") != default["dtype"]:
            changed.append(f"dtype of {key} {features[key].get('dtype')!r:.60} -> {default['dtype']!r}")
            features[key]["dtype"] = default["dtype"]
    if keep_times:
        features[RECORDED_TIME] = {"dtype": "float64", "shape": [1], "names": None}
    return {**new, "features": features}, changed
