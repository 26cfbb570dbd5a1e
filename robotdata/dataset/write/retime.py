"""Change a dataset's rate by dropping frames: every second, third ... frame stays, with its row and its action."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from robotdata.dataset.annotations import planned_of
from robotdata.dataset.episode_list import EpisodeInfo
from robotdata.dataset.errors import EditError
from robotdata.dataset.features import is_depth, video_keys
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.write.edit import EditResult
from robotdata.dataset.write.encoded_parts import EncodedPaths, EncodeTask, Recoding, video_tasks
from robotdata.dataset.write.episode_refs import StoredRef, plan_parts
from robotdata.dataset.write.reencode import Aside, check_cameras, encode_and_revise, measured, stated
from robotdata.dataset.write.reshape import Reshaped, ReshapePreview, copying_s, info_of, size_of_dataset
from robotdata.dataset.write.transfer import How, Where
from robotdata.video.codecs import EncodeSettings
from robotdata.video.depth.video import DEPTH_SETTINGS
from robotdata.video.encode import resolve

_MOST = 1000


def drop_frames(
    root: Path, factor: int, settings: EncodeSettings, aside: Aside, where: Where, how: How | None = None
) -> EditResult:
    """Keep frames 0, `factor`, 2 * `factor` ... of every episode, at fps / `factor`.

    The kept rows get new frame numbers and timestamps; all videos are encoded again with `settings`, depth without
    loss. Marks and pending trims move. Raises EditError for a factor that gives no whole fps, and as
    `reencode_cameras`.
    """
    settings = resolve(settings)

    def tasks(base: DatasetFolder) -> list[EncodeTask]:
        fps = new_fps(base, factor)
        check_cameras(base, settings)
        return video_tasks(base, base.video_keys, Recoding(settings, fps, step=factor))

    def prepare(base: DatasetFolder, encoded: EncodedPaths) -> Reshaped:
        fps, info = new_fps(base, factor), info_of(base)
        for key, feature in info["features"].items():
            if key in encoded:
                used = DEPTH_SETTINGS if is_depth(feature) else settings
                feature = stated(feature, next(iter(encoded[key].values())), used)
            info["features"][key] = {**feature, "fps": fps} if "fps" in feature else feature
        info["fps"] = fps
        refs = [StoredRef(each, step=factor, entry=_entry(each, factor)) for each in base.episodes]
        plan = plan_parts(base, info["features"], fps, refs)
        plan.encoded = encoded
        return Reshaped(plan, info, {"what": "retimed", "fps_before": base.fps, "fps": fps})

    return encode_and_revise(root, tasks, prepare, aside, where, how)


def new_fps(base: DatasetFolder, factor: int) -> int | float:
    """Return the rate after dropping frames. Raises EditError unless it is whole, or the present one is not either."""
    if type(factor) is not int or not 2 <= factor <= _MOST:
        raise EditError(f"one of {factor!r} frames cannot be kept: choose a whole number of 2 or more")
    fps = base.fps / factor
    if fps != int(fps) and base.fps == int(base.fps):
        fit = [n for n in range(2, int(base.fps) + 1) if base.fps % n == 0]
        raise EditError(
            f"{base.root.name} has {base.fps} fps, and one of {factor} frames would be {fps:.2f}, which LeRobot does "
            f"not read: choose {', '.join(map(str, fit[:6])) or 'none'}"
        )
    return int(fps) if fps == int(fps) else fps


def preview_drop_frames(base: DatasetFolder, factor: int, settings: EncodeSettings) -> ReshapePreview:
    """Return what dropping frames would do; time and size are measured on a few frames. Raises as `drop_frames`."""
    fps, settings = new_fps(base, factor), resolve(settings)
    check_cameras(base, settings)
    frames = sum(len(range(0, episode.length, factor)) for episode in base.episodes)
    seconds = size = 0.0
    for key in video_keys(base.features):
        took_s, byte_count = measured(base, key, settings, None)
        seconds, size = seconds + took_s * frames, size + byte_count * frames
    data = {episode.data_file for episode in base.episodes if episode.data_file is not None}
    size += sum(path.stat().st_size for path in data if path.is_file()) / factor
    notes = [
        f"{base.fps} fps become {fps}; {base.total_frames} frames become {frames}, each with its row and action.",
        "The videos are encoded again, because frames are stored as differences to those before them.",
    ]
    count = len(video_keys(base.features))
    return ReshapePreview(
        len(base.episodes),
        frames,
        round(size),
        frames * count,
        seconds + copying_s(size_of_dataset(base)),
        notes[: 1 + bool(count)],
    )


def _entry(episode: EpisodeInfo, factor: int) -> dict[str, Any]:
    """Return the sidecar entry with its frame numbers divided."""
    entry = dict(episode.extra)
    if isinstance(marks := entry.get("marks"), list):
        entry["marks"] = [_mark(mark, factor) if isinstance(mark, dict) else mark for mark in marks]
    planned = planned_of(entry)
    if "trim" in planned:
        first, end = (-(-side // factor) for side in planned["trim"])
        if first >= end:  # none of its frames stays: the one before them is the nearest
            first, end = end - 1, end
        entry["planned"] = {**planned, "trim": [first, end]}
    return entry


def _mark(mark: Mapping[str, Any], factor: int) -> dict[str, Any]:
    first, end = mark.get("from_tick"), mark.get("to_tick")
    moved: dict[str, Any] = {}
    if type(first) is int:
        moved["from_tick"] = first // factor
    if type(end) is int:
        moved["to_tick"] = max(-(-end // factor), moved.get("from_tick", 0) + 1)
    return {**mark, **moved}
