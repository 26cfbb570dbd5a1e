"""Trim committed episodes: which frames can be kept without encoding, and the statistics of the kept rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.dataset import stats
from robotdata.dataset.episode_list import EpisodeInfo
from robotdata.dataset.errors import DamagedFile, EditError
from robotdata.dataset.features import NUMERIC_DTYPES, depth_scale, depth_unit, is_depth, is_image, is_video
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.write import episode_table
from robotdata.video.decode import open_video
from robotdata.video.depth.video import decode_depth
from robotdata.video.index import PacketIndex, index_video
from robotdata.video.jpeg import decode_jpeg
from robotdata.video.png import decode_png
from robotdata.video.ranges import copyable_range

_JPEG = b"\xff\xd8"
Range = tuple[int, int]
"""Frames [first, end) of an episode."""
Frames = range | NDArray[np.int64]
"""Numbers of frames of an episode, ascending."""


def kept_ranges(base: DatasetFolder, trims: Mapping[int, Range]) -> dict[int, Range]:
    """Return the kept range of each episode: the requested one, or slightly more if frames cannot be cut there.

    Videos are copied, not encoded, so a range begins at a keyframe, at the same frame in every camera. Raises EditError
    for an invalid range, VideoError if a video cannot be cut.
    """
    indices: dict[Path, PacketIndex] = {}
    ranges = {}
    for number, (first, end) in trims.items():
        episode = base.episode(number)
        if not (type(first) is int and type(end) is int and 0 <= first < end <= episode.length):
            raise EditError(
                f"{base.root}, {episode.name}: it has frames 0 to {episode.length - 1}, so it cannot be trimmed to "
                f"[{first}, {end}); keep at least one frame"
            )
        ranges[number] = _kept(base, episode, (first, end), indices)
    return ranges


def _kept(base: DatasetFolder, episode: EpisodeInfo, requested: Range, indices: dict[Path, PacketIndex]) -> Range:
    first, end = requested
    before: Range | None = None
    while before != (first, end):  # until all cameras agree
        before = first, end
        for key in base.video_keys:
            span = episode.videos[key]
            if span.path not in indices:
                indices[span.path] = index_video(span.path)
            low = span.first_frame
            begin, stop = copyable_range(indices[span.path], low + first, low + end, low, low + episode.length)
            first, end = begin - low, stop - low
    return first, end


def trimmed_stats(
    base: DatasetFolder, episode: EpisodeInfo, kept: Frames, columns: Mapping[str, Any], fps: float
) -> dict[str, Any]:
    """Return the `stats/...` columns of the kept rows; `columns` has their new bookkeeping columns, `fps` the new rate.

    Cameras are decoded, because the raw frames no longer exist. Depth without a known unit keeps its statistics.
    """
    own = slice(kept.start, kept.stop, kept.step) if isinstance(kept, range) else kept
    rows = {name: values[own] for name, values in base.rows(episode.index).items()} | dict(columns)
    result: dict[str, stats.Stat] = {}
    for key in episode_table.with_stats(base.features):
        feature = base.features[key]
        if feature["dtype"] in NUMERIC_DTYPES:
            values = np.arange(len(kept)) / fps if key == "timestamp" else rows[key]
            if (stat := episode_table.feature_stats(feature, values)) is not None:
                result[key] = stat
        elif is_depth(feature):
            if depth_unit(feature) is not None:  # otherwise the unit of its statistics is unknown
                result[key] = depth_stats(base, episode, kept, key)
        elif is_video(feature):
            result[key] = picture_stats(base, episode, kept, key)
        elif is_image(feature):
            result[key] = image_stats(base, episode, kept, key)
    return episode_table.stats_columns(result)


def row_columns(length: int, fps: float, index: int, first_row: int, task: NDArray[np.int64]) -> dict[str, Any]:
    """Return the columns that are recomputed for every trimmed row."""
    frame = np.arange(length, dtype=np.int64)
    return {
        "timestamp": (frame / fps).astype(np.float32),
        "frame_index": frame,
        "episode_index": np.full(len(frame), index, np.int64),
        "index": frame + first_row,
        "task_index": task,
    }


def shifted_marks(marks: Any, kept: Range) -> list[dict[str, Any]]:
    """Return marks (see the quality room) in frames of the kept range.

    Marks outside of it, and invalid ones, are dropped.
    """
    first, end = kept
    shifted = []
    for mark in marks if isinstance(marks, list) else ():
        if not isinstance(mark, dict):
            continue
        begin, stop = mark.get("from_tick"), mark.get("to_tick")
        if type(begin) is not int:
            shifted.append(mark)
            continue
        after = max(stop, begin + 1) if type(stop) is int else end  # a mark covers at least one frame
        if begin < end and after > first:
            moved = {"from_tick": max(begin, first) - first}
            shifted.append({**mark, **moved, "to_tick": stop if stop is None else min(after, end) - first})
    return shifted


def joined_marks(marks: Any, gap: Range, length: int) -> list[dict[str, Any]]:
    """Return marks in frames of an episode of `length` frames without those in the gap, with one where it was."""
    first, end = gap
    behind = [
        {**mark, **{name: mark[name] + first for name in ("from_tick", "to_tick") if type(mark.get(name)) is int}}
        for mark in shifted_marks(marks, (end, length))
        if type(mark.get("from_tick")) is int  # others are among those before
    ]
    text = f"Frames were cut out here: {end - first:,} of them."
    seam = {"camera": None, "feature": None, "from_tick": first, "to_tick": first + 1, "severity": "note"}
    return [*shifted_marks(marks, (0, first)), *behind, {"code": "seam", **seam, "text": text}]


def picture_stats(base: DatasetFolder, episode: EpisodeInfo, kept: Frames, key: str) -> stats.Stat:
    """Return the statistics of a colour camera over the kept frames."""
    span, counter = episode.videos[key], stats.ImageStats()
    with open_video(span.path) as video:
        for n in stats.sample_indices(len(kept)):
            counter.add(video.frame(span.first_frame + int(kept[int(n)])))
    return counter.result()


def image_stats(base: DatasetFolder, episode: EpisodeInfo, kept: Frames, key: str) -> stats.Stat:
    """Return the statistics of a camera whose pictures are in the rows, over the kept frames. Raises DamagedFile."""
    counter, values = stats.ImageStats(), base.rows(episode.index, [key])[key]
    for n in stats.sample_indices(len(kept)):
        data = values[kept[int(n)]]["bytes"]
        try:
            counter.add(decode_jpeg(data) if data.startswith(_JPEG) else decode_png(data))
        except ValueError as error:
            path = episode.data_file or base.root
            raise DamagedFile(path, f"image {kept[int(n)]} of {key} cannot be read ({error})") from error
    return counter.result()


def depth_stats(base: DatasetFolder, episode: EpisodeInfo, kept: Frames, key: str) -> stats.Stat:
    """Return the statistics of a depth camera over the kept frames, in the unit that the dataset states."""
    span, counter, feature = episode.videos[key], stats.DepthStats(), base.features[key]
    scale, metres = depth_scale(feature), depth_unit(feature) == "m"
    with open_video(span.path) as video:
        for n in stats.sample_indices(len(kept)):
            depth = decode_depth(video, span.first_frame + int(kept[int(n)]), scale)
            counter.add(depth[..., None])
    result = counter.result()
    return {name: v / 1000 if metres and name != "count" else v for name, v in result.items()}
