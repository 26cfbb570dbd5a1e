"""Remake `info.json` from the files, keeping every part of the stored one that can be used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from robotdata.dataset.convert.old_rows import declared_in_all
from robotdata.dataset.errors import DamagedFile, DatasetError, EditError, NotADataset
from robotdata.dataset.features import CAMERA_NAMES, DEFAULT_FEATURES, Features, is_video
from robotdata.dataset.layout import DATA_PATH, INFO, VIDEO_PATH, contained
from robotdata.dataset.reader import features_of, fps_of, has_known_storage, read_json
from robotdata.dataset.repair.survey import Survey
from robotdata.dataset.tables import is_numbers, open_parquet, read_columns, to_numpy
from robotdata.dataset.write.draft import new_info
from robotdata.numbers import count
from robotdata.video.errors import VideoError
from robotdata.video.facts import get_video_info
from robotdata.video.jpeg import decode_jpeg
from robotdata.video.png import decode_png
from robotdata.video.rates import exact_rate, plain_rate

_JPEG = b"\xff\xd8"
_WHOLE_HZ = 0.02
_SHOWN = {"features", "fps", "robot_type", "splits", "total_episodes", "total_frames", "total_tasks"}
"""What is reported elsewhere, or may be missing."""
_MOST_MB = 1 << 30
_MOST_FILES = 1 << 30


def _is_size(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 1 <= value <= _MOST_MB


_VALID: Mapping[str, Callable[[Any], bool]] = {
    "chunks_size": lambda value: type(value) is int and 1 <= value <= _MOST_FILES,
    "data_files_size_in_mb": _is_size,
    "video_files_size_in_mb": _is_size,
    "robot_type": lambda value: value is None or isinstance(value, str),
    "splits": lambda value: isinstance(value, dict),
}


def stored_info(root: Path) -> tuple[dict[str, Any], str]:
    """Return what `info.json` says, and why it cannot be used; an empty object if it cannot be read at all."""
    try:
        path = contained(root, INFO)
        if not path.is_file():
            return {}, "is missing"
        value = read_json(path)
    except DamagedFile as error:
        return {}, str(error).partition(" cannot be read: ")[2].partition("; download it again")[0]
    except DatasetError as error:
        return {}, str(error)
    return (value, "") if isinstance(value, dict) else ({}, "is not an object")


def rescued_info(files: Survey, stored: Mapping[str, Any], changed: list[str], left: list[str]) -> dict[str, Any]:
    """Return `info.json` for the files; what differs is added to `changed`, what nobody knows any more to `left`.

    Counters and splits are not set. Raises EditError if the rate can be found nowhere, and for a `storage_format` that
    is not read here.
    """
    if not has_known_storage(stored):
        raise EditError(f"{files.root}: its storage_format is {stored['storage_format']!r:.40}: only Parquet is read")
    features = _features(files, stored, changed, left)
    fps = _fps(files, stored, changed)
    made = new_info(features, fps=fps, robot_type=None, data_mb=100, video_mb=200)
    info = {**made, **stored}
    missing = [name for name in made if name not in stored and name not in _SHOWN]
    if stored and missing:
        changed.append(f"it lacked {', '.join(missing)}")
    for name in ("codebase_version", "data_path", "video_path"):
        good = str(info[name]).startswith("v3.") if name == "codebase_version" else info[name] == made[name]
        if not good:
            changed.append(f"{name} {str(info[name])!r:.80} -> {made[name]!r}")
            info[name] = made[name]
    for name, valid in _VALID.items():
        if not valid(info[name]):
            changed.append(f"{name} {info[name]!r:.80} -> {made[name]!r}")
            info[name] = made[name]
    info |= {"features": features, "fps": fps, "data_path": DATA_PATH}
    info["video_path"] = VIDEO_PATH if any(map(is_video, features.values())) else None
    return info


def _features(files: Survey, stored: Mapping[str, Any], changed: list[str], left: list[str]) -> Features:
    """Return the features: those of `stored` that the files have, and the files' others."""
    schemas = [file.schema for file in files.data.values()]
    columns = set.intersection(*(set(schema.names) for schema in schemas))
    kept: Features = {}
    given = stored.get("features")
    for key, feature in (given if isinstance(given, dict) else {}).items():
        try:
            valid = features_of(files.root, {"features": {key: feature}})[key]
        except NotADataset as error:
            changed.append(f"feature {key!r:.60} was not valid ({str(error).partition(': ')[2]})")
            continue
        if not is_video(valid) and key not in columns and key not in DEFAULT_FEATURES:
            changed.append(f"feature {key!r:.60} was left out: not every data file has its column")
            continue
        kept[key] = dict(valid)
    more = _columns(files, kept, left) | _cameras(files, kept, left)
    if more:
        changed.append(f"{count(len(more), 'feature')} declared from the files: {', '.join(list(more)[:8])}")
        numbers = [key for key, feature in more.items() if feature["shape"] != [1] and not feature.get("names")]
        if numbers:
            left.append(f"the names of the values of {', '.join(numbers)}: no file has them: give them again")
    defaults = {key: dict(feature) for key, feature in DEFAULT_FEATURES.items()}
    return {key: value for key, value in {**kept, **more}.items() if key not in defaults} | defaults


def _columns(files: Survey, kept: Features, left: list[str]) -> Features:
    """Return features for the columns that are not declared."""
    schemas = [file.schema for file in files.data.values()]
    found, odd, differing = declared_in_all(schemas, {**kept, **DEFAULT_FEATURES})
    for key in odd:
        image = _image(files, key)
        if image is not None:
            found[key] = image
        else:
            left.append(f"column {key} is of a type that no feature has, and LeRobot refuses it: remove it")
    left += [f"column {key} is not the same in all data files, and LeRobot refuses it: remove it" for key in differing]
    return found


def _image(files: Survey, key: str) -> dict[str, Any] | None:
    """Return the feature of a column of images by its first one; None for another column."""
    file = next(iter(files.data.values()))
    try:
        with open_parquet(file.path) as opened:
            value = read_columns(opened, file.path, [key], [0]).column(key)[0].as_py()
        data = value["bytes"]
        picture = decode_jpeg(data) if data.startswith(_JPEG) else decode_png(data)
    except (AttributeError, DamagedFile, KeyError, TypeError, ValueError):
        return None  # it holds something else, and the caller says so
    return {"dtype": "image", "shape": list(picture.shape), "names": list(CAMERA_NAMES)}


def _cameras(files: Survey, kept: Features, left: list[str]) -> Features:
    """Return features for the videos of cameras that are not declared."""
    found: Features = {}
    for key, videos in files.videos.items():
        whole = next((video for video in videos.values() if video.frames), None)
        if key in kept or key in DEFAULT_FEATURES or whole is None:
            continue
        try:
            about = get_video_info(whole.path)
        except VideoError as error:
            left.append(f"camera {key}: {error}")
            continue
        shape = [about["video.height"], about["video.width"], about["video.channels"]]
        if about["video.channels"] == 1:
            left.append(f"camera {key} is gray: if it is depth, the scale of its values is lost")
        found[key] = {"dtype": "video", "shape": shape, "names": list(CAMERA_NAMES), "info": about}
    return found


def _fps(files: Survey, stored: Mapping[str, Any], changed: list[str]) -> int | float:
    """Return the rate: the stored one, that of the videos, or that of the timestamps."""
    with suppress(NotADataset):
        return fps_of(files.root, dict(stored))
    rates = {_plain(video.fps) for videos in files.videos.values() for video in videos.values() if video.fps > 0}
    if len(rates) == 1:
        fps = rates.pop()
        changed.append(f"fps {fps:g}, the rate of the videos")
        return fps
    fps = _by_times(files)
    changed.append(f"fps {fps:g}, by the timestamps of the rows")
    return fps


def _plain(fps: float) -> int | float:
    return round(fps) if abs(fps - round(fps)) < _WHOLE_HZ else plain_rate(exact_rate(fps))


def _by_times(files: Survey) -> int | float:
    for file in files.data.values():
        with open_parquet(file.path) as opened:
            table = read_columns(opened, file.path, ["timestamp"])
        stamps = to_numpy(table.column(0)) if table.num_columns else np.empty(0)
        steps = np.diff(stamps.astype(np.float64)) if is_numbers(stamps) else np.empty(0)
        steps = steps[np.isfinite(steps) & (steps > 0)]
        if len(steps) and 1e-3 <= (step := float(np.median(steps))) <= 1e3:
            return _plain(1 / step)
    raise EditError(
        f"{files.root}: nothing says at how many frames per second it was recorded, neither meta/info.json nor videos "
        'nor timestamps. Write {"fps": 30} or what it was into meta/info.json, then try again'
    )
