"""The statistics of one episode's cameras: those that the dataset v2.x has, or counted from the frames."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from robotdata.dataset import stats
from robotdata.dataset.convert.old_rows import OldRows
from robotdata.dataset.errors import DamagedFile
from robotdata.dataset.verify.moments import impossible, overflown
from robotdata.dataset.verify.stats import disorder
from robotdata.video.decode import open_video
from robotdata.video.jpeg import decode_jpeg
from robotdata.video.png import decode_png

_JPEG = b"\xff\xd8"


def usable_stats(stored: Mapping[str, Any] | None, channels: int, frames: int) -> dict[str, Any] | None:
    """Return a camera's stored statistics as they are written; None if they are incomplete or cannot be right."""
    if stored is None or not all(name in stored for name in stats.BASE):
        return None
    try:
        stat = stats.from_json({name: stored[name] for name in stats.NAMES if name in stored})
        flat = {name: np.asarray(values, np.float64).reshape(-1) for name, values in stat.items()}
    except (TypeError, ValueError):
        return None
    if any(len(values) != (1 if name == "count" else channels) for name, values in flat.items()):
        return None
    if not all(np.isfinite(values).all() for values in flat.values()):
        return None
    if flat["count"][0] not in (len(stats.sample_indices(frames)), frames):
        return None
    if disorder(flat, 1.0) or overflown(flat) or impossible(flat):
        return None
    return {name: v.reshape(-1).tolist() if name == "count" else _planes(v) for name, v in flat.items()}


def video_stats(path: Path, channels: int, frames: int) -> dict[str, Any]:
    """Return the statistics of a camera by LeRobot's sample of the first `frames` frames. Raises VideoError."""
    counter = stats.ImageStats()
    numbers = stats.sample_indices(frames)
    with open_video(path) as video:
        keys = video.index.key_frames
        before = keys[np.searchsorted(keys, numbers, side="right") - 1]
        if int((numbers - before + 1).sum()) < frames:
            pictures = (video.frame(int(number)) for number in numbers)
        else:  # with few keyframes, it is less work to decode all frames once
            wanted = set(numbers.tolist())
            pictures = (frame for number, frame in enumerate(video.frames(range(frames))) if number in wanted)
        for picture in pictures:
            counter.add(picture[..., :channels])
    return stats.to_json(counter.result())


def image_stats(rows: OldRows, key: str, channels: int, frames: int) -> dict[str, Any]:
    """Return the statistics of a camera whose images are in the rows. Raises DamagedFile."""
    counter, images = stats.ImageStats(), rows[key]
    for number in stats.sample_indices(frames):
        data = images[int(number)]["bytes"]
        try:
            image = decode_jpeg(data) if data.startswith(_JPEG) else decode_png(data)
        except ValueError as error:
            raise DamagedFile(rows.path, f"image {int(number)} of {key} cannot be read ({error})") from error
        counter.add(image[..., :channels])
    return stats.to_json(counter.result())


def _planes(values: Any) -> list[list[list[float]]]:
    return [[[float(value)]] for value in values]
