"""The meta folder of a dataset whose features change: table of episodes, statistics, `info.json` and sidecar."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from robotdata.capture.actions import ACTION
from robotdata.dataset.features import Feature, depth_unit, is_depth, is_video, video_keys
from robotdata.dataset.layout import VIDEO_PATH
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.scales import SCALES
from robotdata.dataset.sidecar import RECORDED_ACTION, Sidecar
from robotdata.dataset.write import episode_table
from robotdata.dataset.write.feature_change import FeatureChange
from robotdata.dataset.write.stale import carried_stats
from robotdata.dataset.write.trims import depth_stats, picture_stats


def old_table(base: DatasetFolder) -> pa.Table:
    """Return the table of episodes as it is, with the columns of all features."""
    return episode_table.old_table(base, episode_table.episode_schema(base.features))


def changed_table(
    base: DatasetFolder, table: pa.Table, change: FeatureChange, features: Mapping[str, Feature]
) -> pa.Table:
    """Return the table of episodes with the columns of the new features; those of added ones are null."""
    kept: dict[str, Any] = {}
    for name in table.column_names:
        key = _feature_of(name, (*change.remove, *change.rename))
        if key in change.remove:
            continue
        new = change.rename.get(key, key)
        kept[f"{name.partition('/')[0]}/{new}/{name.rpartition('/')[2]}" if key else name] = table.column(name)
    return episode_table.in_schema(pa.table(kept), episode_table.episode_schema(_all(base, features)))


def changed_totals(
    base: DatasetFolder, change: FeatureChange, features: Mapping[str, Feature], table: pa.Table
) -> dict[str, Any]:
    """Return stats.json: those of kept features as they are, those of new or recounted features from `table`."""
    old = {change.rename.get(key, key): stat for key, stat in base.stats().items() if key not in change.remove}
    every = _all(base, features)
    new = {added.name for added in change.add}
    counted = {key: feature for key, feature in every.items() if change.statistics or key in new}
    return carried_stats(episode_table.aggregate(table, counted, {}, 0), old)


def recounted(
    base: DatasetFolder, change: FeatureChange, table: pa.Table, step: Callable[[], None]
) -> tuple[pa.Table, list[str]]:
    """Return the table of episodes with statistics computed again, and notes on those that could not be.

    `table` has the old names. Frames are decoded by LeRobot's sample. `step` is called after each episode of each
    camera. Raises VideoError and DamagedFile.
    """
    numbers = range(len(base.episodes))
    columns = episode_table.numeric_columns(base, base.features, numbers)
    found: dict[int, dict[str, Any]] = {
        n: {name: values[n] for name, values in columns.items() if values[n] is not None} for n in numbers
    }
    notes = []
    for key in base.camera_keys if change.statistics == "all" else ():
        feature = base.features[key]
        if not is_video(feature) or (is_depth(feature) and depth_unit(feature) is None):
            why = "its unit is not known" if is_video(feature) else "its frames are images in the data files"
            notes.append(f"the statistics of {key} were not computed again: {why}")
            continue
        count = depth_stats if is_depth(feature) else picture_stats
        for episode in base.episodes:
            stat = count(base, episode, range(episode.length), key)
            found[episode.index] |= episode_table.stats_columns({key: stat})
            step()
    return episode_table.with_values(table, found, fill_missing=True), notes


def changed_info(base: DatasetFolder, change: FeatureChange, features: Mapping[str, Feature]) -> dict[str, Any]:
    """Return `info.json` after the change."""
    info = {**base.info, "features": dict(features)}
    if change.robot_type is not None:
        info["robot_type"] = change.robot_type or None
    if base.video_keys and not video_keys(features):
        info["video_path"] = None
    elif not base.info.get("video_path") and video_keys(features):
        info["video_path"] = VIDEO_PATH
    return info


def changed_sidecar(
    base: DatasetFolder, change: FeatureChange, entries: Sequence[Mapping[str, Any]], about: Mapping[str, Any]
) -> Sidecar:
    """Return the sidecar of the next state; annotations stay with their episodes."""
    more = {**base.sidecar.more, "made_by": dict(about)}
    if ACTION in {*change.remove, *change.rename}:
        more.pop(RECORDED_ACTION, None)
    if isinstance(scales := more.get(SCALES), Mapping):
        more[SCALES] = {change.rename.get(key, key): each for key, each in scales.items() if key not in change.remove}
    return Sidecar(base.sidecar.revision + 1, [dict(entry) for entry in entries], more)


def _all(base: DatasetFolder, features: Mapping[str, Feature]) -> dict[str, Feature]:
    """Return the features with default ones that `info.json` does not name."""
    missing = base.features.keys() - base.info["features"].keys()
    return {**features, **{key: base.features[key] for key in base.features if key in missing}}


def _feature_of(column: str, keys: Sequence[str]) -> str:
    """Return which of `keys` a column `stats/<key>/<name>` or `videos/<key>/<name>` belongs to; empty if none."""
    kind, _, rest = column.partition("/")
    key, slash, _ = rest.rpartition("/")
    return key if kind in {"stats", "videos"} and slash and key in keys else ""
