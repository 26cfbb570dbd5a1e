"""Carry over what an edit cannot recompute, and return a note for each, so that a person can correct it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from robotdata.dataset import stats
from robotdata.dataset.features import Features
from robotdata.dataset.layout import EPISODES_GLOB, INFO, STATS
from robotdata.dataset.tables import open_parquet

_COUNTERS = ("total_videos", "total_chunks")
_OLD_FILES = ("meta/episodes.jsonl", "meta/episodes_stats.jsonl", "meta/tasks.jsonl")
_PLACES = ("chunk_index", "file_index", "from_timestamp", "to_timestamp")
_MAX_LISTED = 6


def carried_stats(recomputed: Mapping[str, Any], old_stats: Mapping[str, Any]) -> dict[str, Any]:
    """Return `recomputed` with everything of the old stats.json that cannot be recomputed: other keys and names."""
    totals = dict(recomputed)
    for key, old in old_stats.items():
        if key not in totals:
            totals[key] = old
        elif isinstance(old, dict):
            totals[key] = {**{name: value for name, value in old.items() if name not in stats.NAMES}, **totals[key]}
    return totals


def stale_notes(
    root: Path, info: Mapping[str, Any], features: Features, old_stats: Mapping[str, Any], recomputed: Mapping[str, Any]
) -> list[str]:
    """Return notes on what in the state in `root` still describes the episodes before the change.

    `old_stats`: its stats.json. `recomputed`: what could be recomputed of it.
    """
    notes = [f"{name} in {INFO} was not changed; LeRobot v3.0 does not use it" for name in _COUNTERS if name in info]
    for name in _OLD_FILES:
        if (root / name).exists():
            notes.append(f"{name} (of dataset version 2) was not changed; LeRobot v3.0 does not use it")
    if names := _unknown_stats(old_stats, recomputed):
        notes.append(f"{STATS}: {_listed(names)} cannot be computed here and still describes the previous state")
    if names := _unknown_columns(root, features):
        notes.append(f"meta/episodes: {_listed(names)} is unknown here: each episode keeps its own, new ones have none")
    return notes


def _unknown_stats(old_stats: Mapping[str, Any], recomputed: Mapping[str, Any]) -> list[str]:
    names = []
    for key, stat in old_stats.items():
        if key not in recomputed:
            names.append(key)
        elif isinstance(stat, dict):
            names += [f"{key}/{name}" for name in stat if name not in stats.NAMES]
    return names


def _unknown_columns(root: Path, features: Features) -> list[str]:
    """Return columns `stats/...` and `videos/...` of the table of episodes that belong to no known feature."""
    known = {f"stats/{key}/{name}" for key in features for name in stats.NAMES}
    known |= {f"videos/{key}/{part}" for key in features for part in _PLACES}
    names: dict[str, None] = {}
    for path in sorted(root.glob(EPISODES_GLOB)):
        with open_parquet(path, root=root) as file:
            column_names = file.schema_arrow.names
        described = (name for name in column_names if name.startswith(("stats/", "videos/")))
        names |= dict.fromkeys(name for name in described if name not in known)
    return list(names)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_MAX_LISTED]) + (
        f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
    )
