"""Read the meta folder of a dataset v2.x: `info.json`, and the tables of episodes, tasks and statistics as JSON lines.

This is the door for what comes from outside: sizes are limited, and a wrong value is named with its file and line.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from robotdata.capture.texts import tidy_task
from robotdata.dataset.errors import ConversionError, DamagedFile, DatasetError, NotADataset
from robotdata.dataset.features import Feature, Features, frame_size, is_camera, is_depth
from robotdata.dataset.layout import INFO, INFO_V1, contained
from robotdata.dataset.reader import features_of, fps_of, read_json
from robotdata.files import open_real
from robotdata.files.plain_json import read_json as parse_json

EPISODES = "meta/episodes.jsonl"
OLD_TASKS = "meta/tasks.jsonl"
EPISODES_STATS = "meta/episodes_stats.jsonl"
MAX_LINE = 32 << 20
MAX_NUMBER = 1_000_000
"""Episodes and tasks are numbered below this."""
_VERSIONS = ("v2.0", "v2.1")


@dataclass(frozen=True, slots=True)
class OldEntry:
    """An episode in `episodes.jsonl`: its task texts, and its length, None if it is not stated."""

    tasks: list[str]
    length: int | None


@dataclass
class OldMeta:
    """What the meta folder says. `features` are v3.0's, but not completed; `notes` name what was put right.

    `camera_stats[number]`: the statistics of an episode's cameras as they are stored, not checked yet.
    """

    root: Path
    info: dict[str, Any]
    fps: int | float
    features: Features
    tasks: dict[int, str]
    episodes: dict[int, OldEntry]
    camera_stats: dict[int, dict[str, Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def version(self) -> str:
        """The version that `info.json` states."""
        return str(self.info.get("codebase_version", ""))


def is_old(info: Mapping[str, Any]) -> bool:
    """Return whether `info.json` describes a dataset v2.0 or v2.1, or files of that layout under another version."""
    version = str(info.get("codebase_version", ""))
    one_each = "{episode_index" in str(info.get("data_path"))
    return version in _VERSIONS or (version.startswith("v3.") and one_each)


def version_1(root: Path) -> str:
    """Return the version that `meta_data/info.json` states if it is v1.x, and the dataset has no newer table."""
    if (root / INFO).exists() or not (root / INFO_V1).is_file():
        return ""
    try:
        info = read_json(contained(root.resolve(), INFO_V1))
    except DatasetError:
        return ""
    version = str(info.get("codebase_version", "")) if isinstance(info, dict) else ""
    return version if version.startswith("v1.") else ""


def convertible_version(root: Path) -> str:
    """Return the version that `info.json` states if the dataset in `root` can be converted, else an empty text."""
    if version := version_1(root):
        return version
    try:
        info = read_json(contained(root.resolve(), INFO))
    except DatasetError:
        return ""
    return str(info.get("codebase_version", "")) if isinstance(info, dict) and is_old(info) else ""


def read_meta(root: Path) -> OldMeta:
    """Read the meta folder of the dataset in `root` (resolved).

    Raises NotADataset, ConversionError for another version, DamagedFile and UnsafePath.
    """
    path = contained(root, INFO)
    if not path.is_file():
        raise NotADataset(root, "it has no meta/info.json")
    info = read_json(path)
    if not isinstance(info, dict) or not is_old(info):
        version = info.get("codebase_version") if isinstance(info, dict) else None
        raise ConversionError(f"{root} has version {version!r:.40}; only v1.x, v2.0 and v2.1 can be converted to v3.0")
    notes: list[str] = []
    features = {key: _feature(key, each, notes) for key, each in features_of(root, info).items()}
    meta = OldMeta(root, info, fps_of(root, info), features, _tasks(root, notes), _episodes(root, notes), notes=notes)
    cameras = [key for key, feature in features.items() if is_camera(feature)]
    for line, value in _lines(root, EPISODES_STATS):
        stats = value.get("stats")
        if isinstance(stats, dict):
            number = _number(root, EPISODES_STATS, line, value.get("episode_index"))
            meta.camera_stats[number] = {key: stats[key] for key in cameras if isinstance(stats.get(key), dict)}
    if any((root / "meta/episodes").glob("*/*.parquet")):
        notes.append("it had a second table of episodes in meta/episodes: meta/episodes.jsonl was used")
    return meta


def _feature(key: str, feature: Feature, notes: list[str]) -> Feature:
    """Return a feature as v3.0 declares it; a camera as height, width, channels and without its `info`."""
    feature = {name: value for name, value in feature.items() if name not in ("fps", "video_info")}
    if not is_camera(feature) or len(feature["shape"]) != 3:
        return feature
    if is_depth(feature):
        notes.append(f"camera {key} was marked as depth, without the scale of its values: it is kept as pictures")
    feature.pop("info", None)
    width, height = frame_size(feature)
    shape = list(feature["shape"])
    channels = shape[2] if shape[:2] == [height, width] else shape[0]
    if shape != [height, width, channels]:
        notes.append(
            f"camera {key} was declared with its channels first ({shape}): now [{height}, {width}, {channels}]"
        )
    return {**feature, "shape": [height, width, channels]}


def _tasks(root: Path, notes: list[str]) -> dict[int, str]:
    """Return the task texts by number; of two for one number the later one."""
    tasks: dict[int, str] = {}
    for line, value in _lines(root, OLD_TASKS):
        text = value.get("task")
        if not isinstance(text, str):
            raise DamagedFile(root / OLD_TASKS, f"line {line} has no text `task`")
        number, tidy = _number(root, OLD_TASKS, line, value.get("task_index")), tidy_task(text)
        if tasks.get(number, tidy) != tidy:
            notes.append(f"task {number} had two texts in {OLD_TASKS}: {tidy!r} was used, not {tasks[number]!r}")
        tasks[number] = tidy
    return tasks


def _episodes(root: Path, notes: list[str]) -> dict[int, OldEntry]:
    """Return the entries of `episodes.jsonl`; of two for one episode the later one."""
    episodes: dict[int, OldEntry] = {}
    for line, value in _lines(root, EPISODES):
        number = _number(root, EPISODES, line, value.get("episode_index"))
        texts = value.get("tasks")
        texts = [texts] if isinstance(texts, str) else texts if isinstance(texts, list) else []
        length = value.get("length")
        if number in episodes:
            notes.append(f"episode {number} was twice in {EPISODES}: the later entry was used")
        tidy = [tidy_task(text) for text in texts if isinstance(text, str)]
        episodes[number] = OldEntry(tidy, length if type(length) is int else None)
    return episodes


def _number(root: Path, name: str, line: int, value: Any) -> int:
    """Return the number of an episode or task. Raises DamagedFile."""
    if type(value) is not int or not 0 <= value < MAX_NUMBER:
        raise DamagedFile(root / name, f"line {line} has the number {value!r:.40}, want 0 to {MAX_NUMBER - 1}")
    return value


def _lines(root: Path, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield number and object of every line of a file of JSON lines; nothing if it is missing. Raises DamagedFile."""
    path = contained(root, name)
    if not path.is_file():
        return
    try:
        with os.fdopen(open_real(path), "rb") as file:
            line = 0
            while text := file.readline(MAX_LINE):
                line += 1
                if len(text) == MAX_LINE:
                    raise DamagedFile(path, f"line {line} is longer than {MAX_LINE:,} bytes")
                if not text.strip():
                    continue
                value = parse_json(text, nan=True)
                if not isinstance(value, dict):
                    raise DamagedFile(path, f"line {line} is not an object")
                yield line, value
    except ValueError as error:
        raise DamagedFile(path, f"line {line} {error}") from error
    except OSError as error:
        raise DamagedFile(path, error.strerror) from error
