"""Open a LeRobotDataset v3.0, including unusual ones.

What cannot be read is described in sentences, for the dataset and for each episode.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from cachetools import LRUCache
from numpy.typing import NDArray

from robotdata.capture.actions import SENT
from robotdata.dataset import episode_list
from robotdata.dataset.episode_list import EpisodeInfo
from robotdata.dataset.errors import DamagedFile, DatasetError, NoSuchEpisode, NotADataset, OldVersion, UnsafePath
from robotdata.dataset.features import CAMERA_DTYPES, DEFAULT_FEATURES, Features, camera_keys, is_video, video_keys
from robotdata.dataset.language import LANGUAGE_COLUMNS, Spoken, read_language
from robotdata.dataset.layout import INFO, INFO_V1, STATS, TASKS, Layout, contained
from robotdata.dataset.sidecar import Sidecar, read_sidecar
from robotdata.dataset.tables import LFS, is_numbers, open_parquet, read_columns, read_tasks, to_numpy
from robotdata.dataset.unfinished import unfinished
from robotdata.files import open_real, plain_json
from robotdata.numbers import count as count_of

MAX_INFO_BYTES = 64 << 20
STORAGE = "parquet"
"""The only `storage_format` that is read here; LeRobot 0.7 knows others, such as "lance"."""
_OPEN_FILES = 8
_CACHED_EPISODES = 4


@dataclass(frozen=True, slots=True)
class Identity:
    """Identifies a state of the folder, to detect a newer one."""

    inode: int
    size_bytes: int
    modified_ns: int


@dataclass
class DatasetFolder:
    """An open dataset. It may be used from several threads. Rows are read on demand.

    `fps`: an int if it is whole. `problems`: sentences that say what of the whole dataset cannot be used;
    `task_problems`: those that concern only task texts. Each episode has its own `problems`.
    """

    root: Path
    info: dict[str, Any]
    fps: int | float
    features: Features
    tasks: list[str]
    episodes: list[EpisodeInfo]
    sidecar: Sidecar
    identity: Identity
    problems: list[str] = field(default_factory=list)
    task_problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._files: LRUCache[Path, tuple[pq.ParquetFile, NDArray[np.int64]]] = LRUCache(_OPEN_FILES)
        self._rows: LRUCache[int, dict[str, NDArray[Any]]] = LRUCache(_CACHED_EPISODES)
        self._by_index = {episode.index: episode for episode in self.episodes}

    @classmethod
    def open(cls, root: Path | str) -> DatasetFolder:
        """Open the dataset in the folder `root`.

        Raises NotADataset, OldVersion (v2.x and before), Unfinished, and DamagedFile if nothing can be read.
        """
        root = Path(root)
        info = read_info(root)
        layout = Layout.of(root, info)
        features = features_of(root, info)
        problems: list[str] = []
        tasks = _tasks(root, info, problems)
        task_problems = list(problems)
        sidecar = read_sidecar(root, problems)
        try:
            episodes = episode_list.read_episodes(layout, info, features, fps_of(root, info), sidecar, problems)
        except NotADataset as error:
            raise unfinished(root, info) or error from None
        return cls(
            root=root,
            info=info,
            fps=fps_of(root, info),
            features=features,
            tasks=tasks,
            episodes=episodes,
            sidecar=sidecar,
            identity=identity_of(root),
            problems=problems,
            task_problems=task_problems,
        )

    @property
    def camera_keys(self) -> list[str]:
        """Keys of all cameras, including those stored as images in the Parquet files."""
        return camera_keys(self.features)

    @property
    def video_keys(self) -> list[str]:
        """Keys of the cameras stored as video."""
        return video_keys(self.features)

    @property
    def total_frames(self) -> int:
        """Sum of the lengths of all episodes, whatever `info.json` says."""
        return sum(episode.length for episode in self.episodes)

    @property
    def robot_type(self) -> str:
        """The robot type in `info.json`; empty if there is none."""
        return str(self.info.get("robot_type") or "")

    @property
    def revision(self) -> int:
        """Number of states that robotdata has committed; 0 for a folder that it has never written."""
        return self.sidecar.revision

    @property
    def recorded_action(self) -> str:
        """Which of a tick's two actions `action` is: what the sidecar says.

        Episodes without such a statement, made elsewhere or earlier, count as SENT. It is empty if there are no
        episodes either. A text other than SENT or REQUESTED is a newer program's: nothing can be added then.
        """
        return self.sidecar.recorded_action or (SENT if self.episodes else "")

    def changed(self) -> bool:
        """Return whether the folder now holds another state than the one that was opened."""
        try:
            return identity_of(self.root) != self.identity
        except DatasetError:
            return True

    def episode(self, index: int) -> EpisodeInfo:
        """Return episode `index`. Raises NoSuchEpisode."""
        try:
            return self._by_index[index]
        except (KeyError, TypeError):
            raise NoSuchEpisode(self.root, index, len(self.episodes)) from None

    def rows(self, index: int, columns: Sequence[str] | None = None) -> dict[str, NDArray[Any]]:
        """Return the rows of episode `index`: (n,) or (n, d) per column.

        By default all columns but images and language are returned. Raises NoSuchEpisode and DamagedFile.
        """
        episode = self.episode(index)
        if columns is not None:
            return self._read(episode, list(columns))
        with self._lock:
            cached = self._rows.get(index)
        if cached is not None:
            return dict(cached)
        rows = self._read(episode, self._plain_columns())
        with self._lock:
            self._rows[index] = rows
        return dict(rows)

    def language(self, index: int) -> Spoken:
        """Return the language in the rows of episode `index`. Raises NoSuchEpisode and DamagedFile."""
        keys = [key for key in LANGUAGE_COLUMNS if key in self.features]
        if not keys:
            return Spoken()
        episode = self.episode(index)
        part = self._part(episode, keys)
        try:
            return read_language(part, float(self.fps))
        except (pa.ArrowException, ValueError, TypeError) as error:  # ValueError: text that is not UTF-8
            path = episode.data_file or self.root
            raise DamagedFile(path, f"what is said in {self.episode(index).name} is not readable ({error})") from error

    def signal(self, index: int, name: str) -> NDArray[Any]:
        """Return one numeric feature of episode `index` as (n, d). Raises KeyError if there is none."""
        values = self.rows(index)[name]
        return values.reshape(len(values), -1)

    def stats(self) -> dict[str, Any]:
        """Return the content of `meta/stats.json`; empty if there is none. Raises DamagedFile."""
        path = self.root / STATS
        if not path.is_file():
            return {}
        try:
            value = read_json(contained(self.root, STATS))
        except UnsafePath as error:
            raise DamagedFile(path, str(error)) from error
        return value if isinstance(value, dict) else {}

    def _plain_columns(self) -> list[str]:
        skip = CAMERA_DTYPES | {"language"}
        return [key for key, feature in self.features.items() if feature.get("dtype") not in skip]

    def _read(self, episode: EpisodeInfo, columns: list[str]) -> dict[str, NDArray[Any]]:
        """Read columns of an episode's rows as arrays."""
        part = self._part(episode, columns)
        path = episode.data_file or self.root
        return {name: _values(part, name, path) for name in columns if name in part.column_names}

    def _part(self, episode: EpisodeInfo, columns: list[str]) -> Any:
        """Read columns of an episode's rows, by their position or, if that is wrong, by episode_index."""
        if episode.data_file is None:
            raise DamagedFile(self.root / "data", f"{episode.name} has no data file")
        file, ends = self._open(episode.data_file)
        groups, first = self._groups(episode, ends)
        names = list(dict.fromkeys([*columns, "episode_index"]))
        with self._lock:
            table = read_columns(file, episode.data_file, names, groups)
        # If the table of episodes names the wrong rows, find them by their episode_index.
        part = table.slice(max(0, episode.first_row_in_file - first), episode.length)
        if not _has_all_rows(part, episode):
            with self._lock:
                table = read_columns(file, episode.data_file, names)
            part = _filtered(table, episode)
        if part.num_rows != episode.length:
            raise DamagedFile(
                episode.data_file,
                f"it has {part.num_rows} of the {count_of(episode.length, 'row')} of {episode.name}",
            )
        return part

    @staticmethod
    def _groups(episode: EpisodeInfo, ends: NDArray[np.int64]) -> tuple[list[int], int]:
        """Return the row groups that hold the episode's rows, and the number of their first row."""
        begin, end = episode.first_row_in_file, episode.first_row_in_file + episode.length
        first = int(np.searchsorted(ends, begin, side="right"))
        last = int(np.searchsorted(ends, end, side="left"))
        return list(range(first, min(last + 1, len(ends)))), int(ends[first - 1]) if first else 0

    def _open(self, path: Path) -> tuple[pq.ParquetFile, NDArray[np.int64]]:
        """Return an open data file and the end row of each of its row groups."""
        with self._lock:
            opened = self._files.get(path)
        if opened is not None:
            return opened
        file = open_parquet(path)
        sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        entry = file, np.cumsum(np.array(sizes, np.int64))
        with self._lock:
            self._files[path] = entry
        return entry


def read_info(root: Path) -> dict[str, Any]:
    """Return the content of `meta/info.json`. Raises NotADataset, OldVersion, DamagedFile."""
    if not root.is_dir():
        raise NotADataset(root, "there is no such folder")
    path = contained(root, INFO)
    try:
        exists = path.is_file()
    except OSError as error:  # `meta` is not accessible
        raise DamagedFile(path, error.strerror) from error
    if not exists and (root / INFO_V1).is_file():
        raise OldVersion(root, _version_of_v1(root))
    if not exists:
        raise NotADataset(root, "it has no meta/info.json")
    info = read_json(path)
    if not isinstance(info, dict):
        raise NotADataset(root, "meta/info.json is not an object")
    version = str(info.get("codebase_version", ""))
    if not version.startswith("v3."):
        if version.startswith(("v1", "v2")):
            raise OldVersion(root, version)
        raise NotADataset(root, f"codebase_version is {version!r}")
    if not has_known_storage(info):
        raise NotADataset(
            root,
            f"its storage_format is {info['storage_format']!r:.40}, and only {STORAGE!r} (Parquet and MP4) can be read "
            "here. Convert it with the program that wrote it",
        )
    return info


def has_known_storage(info: Mapping[str, Any]) -> bool:
    """Return whether the dataset of this `info.json` is stored as is read here.

    Most do not say it; LeRobot reads these as Parquet and MP4.
    """
    return info.get("storage_format") in (None, STORAGE)


def _version_of_v1(root: Path) -> str:
    info = read_json(contained(root.resolve(), INFO_V1))
    return str(info.get("codebase_version", "v1"))[:20] if isinstance(info, dict) else "v1"


def read_json(path: Path) -> Any:
    """Read a JSON file of the dataset. `path` must be resolved (`contained`). Raises DamagedFile."""
    try:
        with os.fdopen(open_real(path), "rb") as file:
            data = file.read(MAX_INFO_BYTES + 1)
    except OSError as error:
        raise DamagedFile(path, error.strerror) from error
    if len(data) > MAX_INFO_BYTES:
        raise DamagedFile(path, f"it is longer than {MAX_INFO_BYTES:,} bytes")
    if data.startswith(LFS):
        raise DamagedFile(path, "it is a Git LFS pointer, not the file; run `git lfs pull`")
    try:
        return plain_json.read_json(data, nan=True)
    except ValueError as error:
        raise DamagedFile(path, f"it {error}") from error


def identity_of(root: Path) -> Identity:
    """Return the identity of the folder's current state. Raises NotADataset."""
    try:
        stat = (root / INFO).stat()
    except OSError:
        raise NotADataset(root, "it has no meta/info.json") from None
    return Identity(stat.st_ino, stat.st_size, stat.st_mtime_ns)


def fps_of(root: Path, info: dict[str, Any]) -> int | float:
    """Return the rate in Hz. Raises NotADataset if it is invalid."""
    fps = info.get("fps")
    if isinstance(fps, bool) or not isinstance(fps, int | float) or not 0 < fps <= 1000:
        raise NotADataset(root, f"fps is {fps!r}, want a number above 0")
    return int(fps) if fps == int(fps) else fps


def features_of(root: Path, info: dict[str, Any]) -> Features:
    """Return the features, with the default ones. Raises NotADataset if one is invalid."""
    features = info.get("features")
    if not isinstance(features, dict) or not features:
        raise NotADataset(root, "meta/info.json has no features")
    for key, feature in features.items():
        has_shape = isinstance(feature, dict) and isinstance(feature.get("shape"), list | tuple)
        if not has_shape or not isinstance(feature.get("dtype"), str):
            raise NotADataset(root, f"feature {key!r} has no dtype or no shape")
        if not all(type(side) is int and side > 0 for side in feature["shape"]):
            raise NotADataset(root, f"feature {key!r} has shape {feature['shape']!r}")
        if is_video(feature) and len(feature["shape"]) != 3:
            raise NotADataset(root, f"camera {key!r} has shape {feature['shape']!r}, want three numbers")
    return {**features, **{key: dict(value) for key, value in DEFAULT_FEATURES.items() if key not in features}}


def _tasks(root: Path, info: dict[str, Any], problems: list[str]) -> list[str]:
    """Return the task texts by number; problems are added to `problems`."""
    path = root / TASKS
    if not path.is_file():
        if info.get("total_tasks"):
            problems.append(f"{TASKS} is missing; tasks have no text")
        return []
    try:
        texts = read_tasks(contained(root, TASKS))
    except (DamagedFile, UnsafePath) as error:
        problems.append(str(error))
        return []
    numbers = [number for number in texts if 0 <= number < 1_000_000]
    if sorted(numbers) != list(range(len(texts))):
        problems.append(f"{TASKS}: task numbers are not 0 to {len(texts) - 1}")
    return [texts.get(number, "") for number in range(max(numbers, default=-1) + 1)]


def _values(part: Any, name: str, path: Path) -> NDArray[Any]:
    """Return a column as an array. Raises DamagedFile for text that is not UTF-8."""
    try:
        return to_numpy(part.column(name))
    except UnicodeDecodeError as error:  # Arrow does not validate text
        raise DamagedFile(path, f"{name} holds text that is not UTF-8 ({error.object[:40]!r})") from error


def _has_all_rows(part: Any, episode: EpisodeInfo) -> bool:
    """Return whether `part` holds exactly the rows of the episode."""
    if part.num_rows != episode.length or "episode_index" not in part.column_names:
        return False
    return bool(np.all(to_numpy(part.column("episode_index")) == episode.index))


def _filtered(table: Any, episode: EpisodeInfo) -> Any:
    """Return the rows of the episode by their episode_index."""
    numbers = to_numpy(table.column("episode_index")) if "episode_index" in table.column_names else None
    if numbers is None or not is_numbers(numbers):
        return table.slice(max(0, episode.first_row_in_file), episode.length)
    return table.filter(np.asarray(numbers == episode.index))
