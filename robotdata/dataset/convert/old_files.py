"""Find the files of a dataset v2.x, which has one file for each episode, wherever in the folder they lie."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from robotdata.dataset.errors import NotADataset
from robotdata.dataset.layout import CHUNKS_SIZE, contained

OLD_DATA_PATH = "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet"
OLD_VIDEO_PATH = "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4"
MAX_FILES = 2_000_000
_NAME = re.compile(r"episode_(\d{1,6})\.(parquet|mp4)")
_FIELD = re.compile(r"\{(video_key|episode_chunk|episode_index)(?::0?([1-9])?d)?\}")


@dataclass
class OldFiles:
    """The files by episode: `data[number]`, and `videos[camera][number]`. Their paths are resolved.

    `twice`: relative paths of files of which only one can be meant, by episode. `unusable`: why other files of an
    episode cannot be used. `moved`: how many files are not where
    `info.json` says. `rest`: relative paths of all other files. `undeclared`: the folders among these with videos of
    episodes, which belong to no camera.
    """

    data: dict[int, Path] = field(default_factory=dict)
    videos: dict[str, dict[int, Path]] = field(default_factory=dict)
    twice: dict[int, list[str]] = field(default_factory=dict)
    unusable: dict[int, str] = field(default_factory=dict)
    moved: int = 0
    rest: list[str] = field(default_factory=list)
    undeclared: list[str] = field(default_factory=list)


def find_files(root: Path, info: Mapping[str, Any], cameras: Iterable[str]) -> OldFiles:
    """Return the files of the dataset in `root`; `cameras` are the keys of the cameras stored as video.

    A file is recognized by its name (`episode_000012.mp4`) and its camera by its folder, because the path
    templates of `info.json` are wrong in many datasets. They decide only between two files of one episode. Raises
    NotADataset for more than MAX_FILES files, and UnsafePath for a link that leads out of the dataset.
    """
    keys = list(cameras)
    found: dict[tuple[str, int], list[str]] = {}
    files = OldFiles(videos={key: {} for key in keys})
    for relative in walk_files(root):
        parts = relative.split("/")
        match = _NAME.fullmatch(parts[-1])
        key = "" if match is None or match[2] == "parquet" else next((k for k in keys if k in parts[:-1]), None)
        if match is None or key is None:
            files.rest.append(relative)
            if match is not None and (name := "/".join(parts[:-1])) not in files.undeclared:
                files.undeclared.append(name)
        else:
            found.setdefault((key, int(match[1])), []).append(relative)
    for (key, number), candidates in sorted(found.items()):
        template = info.get("video_path") or OLD_VIDEO_PATH if key else info.get("data_path") or OLD_DATA_PATH
        stated = _filled(template, number, key, info)
        if len(candidates) > 1 and stated not in candidates:
            files.twice.setdefault(number, candidates)
            continue
        chosen = stated if stated in candidates else candidates[0]
        files.moved += chosen != stated
        files.rest += [other for other in candidates if other != chosen]
        (files.videos[key] if key else files.data)[number] = contained(root, chosen)
    return files


def walk_files(root: Path) -> Iterator[str]:
    """Yield the relative paths of all files, in order; hidden files and folders are left out. Raises NotADataset."""
    count = 0
    for folder, names, files in os.walk(root):
        names[:] = sorted(name for name in names if not name.startswith("."))
        count += len(files)
        if count > MAX_FILES:
            raise NotADataset(root, f"it has more than {MAX_FILES:,} files")
        parent = Path(folder).relative_to(root)
        yield from ((parent / name).as_posix() for name in sorted(files) if not name.startswith("."))


def _filled(template: Any, number: int, key: str, info: Mapping[str, Any]) -> str:
    """Return the path that a template of `info.json` names for an episode; never passed to `str.format`."""
    size = info.get("chunks_size")
    chunk = number // (size if type(size) is int and size > 0 else CHUNKS_SIZE)

    def value(match: re.Match[str]) -> str:
        if match[1] == "video_key":
            return key
        return str(chunk if match[1] == "episode_chunk" else number).zfill(int(match[2] or 0))

    return _FIELD.sub(value, template) if isinstance(template, str) else ""
