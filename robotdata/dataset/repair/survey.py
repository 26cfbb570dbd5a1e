"""Find the data files and videos of a dataset v3.0 whose `meta` cannot be read, and which of them are whole."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from robotdata.dataset.convert.old_files import walk_files
from robotdata.dataset.errors import DamagedFile, DatasetError, UnsafePath
from robotdata.dataset.features import DEFAULT_FEATURES
from robotdata.dataset.layout import DATA_PATH, INFO, VIDEO_PATH, PathTemplate, contained
from robotdata.dataset.reader import has_known_storage, read_json
from robotdata.dataset.tables import open_parquet
from robotdata.video.errors import VideoError
from robotdata.video.index import index_video

_DATA = re.compile(r"(?:.*/)?chunk-(\d{3,})/file-(\d{3,})\.parquet")
_VIDEO = re.compile(r"(?:.*/)?([^/]+)/chunk-(\d{3,})/file-(\d{3,})\.mp4")
_META = ("meta/", "images/")
_ELSEWHERE = 2
T = TypeVar("T")
Place = tuple[int, int]
"""Chunk and file number."""


@dataclass(frozen=True, slots=True)
class DataFile:
    """A data file that can be read. `path` is resolved."""

    path: Path
    rows: int
    schema: pa.Schema


@dataclass(frozen=True, slots=True)
class VideoFile:
    """A video. `frames` is 0 if it cannot be read; `fps` is its rate in Hz. `path` is resolved."""

    path: Path
    frames: int
    fps: float


@dataclass
class Survey:
    """The files of the dataset in `root` by their numbers, in order; `videos` also by camera.

    `lost`: why a data file cannot be read, by its numbers. `broken`: sentences about videos that cannot be read.
    `moved`: how many files are not where LeRobot looks for them. `unused`: relative paths of files with the numbers of
    the dataset's that are not taken, because the dataset's own are at their place: old copies, for example.
    """

    root: Path
    data: dict[Place, DataFile] = field(default_factory=dict)
    lost: dict[Place, str] = field(default_factory=dict)
    videos: dict[str, dict[Place, VideoFile]] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    moved: int = 0
    unused: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """The rows of all data files that can be read."""
        return sum(file.rows for file in self.data.values())


def survey(root: Path, info: Mapping[str, Any]) -> Survey:
    """Read the footer of every data file and the index of every video below `root`; nothing is decoded.

    A file is recognized by the path template of `info`, if that is valid, or by the names that LeRobot gives. If one
    data file is at its place, data files elsewhere are not taken; the same holds for videos. Raises NotADataset for
    more files than a dataset has, and UnsafePath for a link that leads out of the dataset.
    """
    root = root.resolve()
    found = Survey(root)
    data, video = _template(info.get("data_path"), video=False), _template(info.get("video_path"), video=True)
    keys = [key for key, value in _features(info).items() if isinstance(value, dict) and value.get("dtype") == "video"]
    tables: list[tuple[int, str, Place]] = []
    films: list[tuple[int, str, tuple[str, Place]]] = []
    for relative in walk_files(root):
        if relative.startswith(_META):
            continue
        if relative.endswith(".parquet") and (file := _data_place(relative, data)) is not None:
            tables.append(file)
        elif relative.endswith(".mp4") and (film := _video_place(relative, video, keys)) is not None:
            films.append(film)
    for relative, place in _placed(tables, found.unused):
        _add_data(found, relative, place)
    for relative, (key, place) in _placed(films, found.unused):
        _add_video(found, relative, key, place)
    found.data = dict(sorted(found.data.items()))
    found.videos = {key: dict(sorted(files.items())) for key, files in sorted(found.videos.items())}
    return found


def can_be_rescued(root: Path, *, most: int = 50) -> bool:
    """Return whether one of the first `most` data files below `data` has rows that can be read, with their numbers.

    False for a dataset whose `storage_format` is not read here: its files may not be all that it has.
    """
    if _has_other_storage(root):
        return False
    for path in sorted(root.glob("data/**/*.parquet"))[:most]:
        relative = path.relative_to(root).as_posix()
        if _DATA.fullmatch(relative) is None:
            continue
        try:
            with open_parquet(contained(root, relative)) as file:
                if file.metadata.num_rows and _is_data(file.schema_arrow):
                    return True
        except (DamagedFile, UnsafePath):
            continue
    return False


def _has_other_storage(root: Path) -> bool:
    try:
        info = read_json(contained(root, INFO))
    except (DatasetError, OSError):
        return False
    return isinstance(info, dict) and not has_known_storage(info)


def _is_data(schema: pa.Schema) -> bool:
    return bool({"episode_index", "frame_index"} & set(schema.names))


def _features(info: Mapping[str, Any]) -> Mapping[str, Any]:
    value = info.get("features")
    return value if isinstance(value, dict) else {}


def _template(text: object, *, video: bool) -> PathTemplate | None:
    try:
        return PathTemplate.parse(text, video=video)
    except UnsafePath:
        return None


def _data_place(relative: str, template: PathTemplate | None) -> tuple[int, str, Place] | None:
    """Return the rank of a data file (`_ELSEWHERE` for one that is not at its place), its path and its numbers."""
    for rank, each in enumerate((template, PathTemplate.parse(DATA_PATH, video=False))):
        if each is not None and (place := each.numbers_of(relative, "")) is not None:
            return rank, relative, place
    match = _DATA.fullmatch(relative)
    return (_ELSEWHERE, relative, (int(match[1]), int(match[2]))) if match else None


def _video_place(
    relative: str, template: PathTemplate | None, keys: list[str]
) -> tuple[int, str, tuple[str, Place]] | None:
    """Return rank, path, camera and numbers of a video."""
    for key in keys if template is not None else ():
        if template is not None and (place := template.numbers_of(relative, key)) is not None:
            return 0, relative, (key, place)
    match = _VIDEO.fullmatch(relative)
    if match is None:
        return None
    usual = PathTemplate.parse(VIDEO_PATH, video=True).numbers_of(relative, match[1]) is not None
    return (1 if usual else _ELSEWHERE), relative, (match[1], (int(match[2]), int(match[3])))


def _placed(files: list[tuple[int, str, T]], unused: list[str]) -> Iterator[tuple[str, T]]:
    """Yield the files at their place, or all if none is; add the others to `unused`."""
    files.sort(key=lambda file: file[0])
    some = bool(files) and files[0][0] < _ELSEWHERE
    for rank, relative, place in files:
        if some and rank == _ELSEWHERE:
            unused.append(relative)
        else:
            yield relative, place


def _add_data(found: Survey, relative: str, place: Place) -> None:
    path = contained(found.root, relative)
    if place in found.data:
        found.unused.append(relative)  # the first one counts: a copy of the folder may lie inside it
        return
    try:
        with open_parquet(path) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
    except DamagedFile as error:
        found.lost[place] = f"{relative}: {_why(error)}"
        return
    if rows and _is_data(schema):
        found.lost.pop(place, None)
        found.data[place] = DataFile(path, rows, schema)
        found.moved += relative != PathTemplate.parse(DATA_PATH, video=False).fill(chunk=place[0], file=place[1])


def _why(error: DamagedFile) -> str:
    """Return the reason without the path before it and the advice after it."""
    return str(error).partition(" cannot be read: ")[2].partition("; download it again")[0]


def _add_video(found: Survey, relative: str, key: str, place: Place) -> None:
    path = contained(found.root, relative)
    files = found.videos.setdefault(key, {})
    if key in DEFAULT_FEATURES:
        return
    if place in files:
        found.unused.append(relative)
        return
    files[place] = VideoFile(path, 0, 0.0)
    try:
        index = index_video(path)
        files[place] = VideoFile(path, len(index), float(index.rate))
        if missing := int((index.position + index.size > path.stat().st_size).sum()):
            found.broken.append(f"{relative} is cut off: {missing} of its {len(index)} frames cannot be read")
    except (VideoError, OSError) as error:
        found.broken.append(f"{relative} cannot be read ({error})")
    template = PathTemplate.parse(VIDEO_PATH, video=True)
    found.moved += relative != template.fill(chunk=place[0], file=place[1], key=key)
