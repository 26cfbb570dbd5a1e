"""Fetch the files of a dataset into a folder. Until a file is complete and its hash is right, it ends in `.part`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from robotdata.dataset.errors import DatasetError
from robotdata.dataset.exchange.copy import MAX_FILES
from robotdata.dataset.exchange.errors import Passing, TransferRefused
from robotdata.dataset.exchange.unpack import check_space
from robotdata.dataset.exchange.watcher import Watcher
from robotdata.dataset.layout import INFO, INFO_V1
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.write.edit import select_episodes
from robotdata.files.trees import remove_tree
from robotdata.numbers import count as count_of

FILES, PART = "files", ".part"
_CHOSEN, _META, _VIDEOS = "chosen", "meta/", "videos/"
_PATH_BYTES, _NAME_BYTES = 2000, 240


class Sized(Protocol):
    """A file on the other side, which states how many bytes it has."""

    @property
    def size(self) -> int:
        """Its size in bytes."""


F = TypeVar("F", bound=Sized)
Download = Callable[[str, F, Path, Watcher], None]
"""Append what is missing of a file to its part. Raises Passing if the connection ended before."""
IsRight = Callable[[F, Path], bool]
"""Return whether a complete part has the content that the other side states."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a dataset is, for people, and which of it is fetched: `episodes` by number, None for all."""

    name: str
    episodes: tuple[int, ...] | None = None
    videos: bool = True


def fetch_dataset(
    source: Source, listed: Mapping[str, F], folder: Path, watcher: Watcher, download: Download[F], is_right: IsRight[F]
) -> Path:
    """Fetch into `folder`, where an earlier run may have left parts; return the folder of the dataset in it.

    Raises TransferError, also if the disk has no room, Cancelled, DatasetError for episodes that cannot be cut out,
    and OSError.
    """
    name, root = source.name, folder / FILES
    wanted = {path: file for path, file in listed.items() if _is_wanted(path, source)}
    if INFO not in wanted and INFO_V1 not in wanted:
        raise TransferRefused(f"{name} has no {INFO}, so it is not a LeRobot dataset: choose another one")
    if len(wanted) > MAX_FILES:
        raise TransferRefused(f"{name} has {count_of(len(wanted), 'file')}; at most {MAX_FILES:,} are fetched")
    root.mkdir(parents=True, exist_ok=True)

    def fetch(files: Mapping[str, F]) -> None:
        _fetch_all(name, files, root, watcher, download, is_right)

    if source.episodes is None:
        fetch(wanted)
        return root
    meta = {path: file for path, file in wanted.items() if path.startswith(_META)}
    fetch(meta)
    dataset = _opened(root, source)
    needed = _files_of(dataset, source)
    if missing := sorted(path for path in needed if path not in wanted):
        raise TransferRefused(
            f"{name} lacks {count_of(len(missing), 'file')} of these episodes, first {missing[0]}: choose others"
        )
    fetch(meta | {path: wanted[path] for path in needed})
    remove_tree(folder / _CHOSEN)
    select_episodes(root, source.episodes, folder / _CHOSEN)
    return folder / _CHOSEN


def _is_wanted(path: str, source: Source) -> bool:
    parts = path.split("/")
    if any(part.startswith(".") or not part or len(part.encode()) > _NAME_BYTES for part in parts):
        return False
    if len(path.encode()) > _PATH_BYTES or not path.isprintable() or "\\" in path:
        return False
    return source.videos or not path.startswith(_VIDEOS)


def _opened(root: Path, source: Source) -> DatasetFolder:
    """Return the dataset, whose rows and videos are not there yet."""
    try:
        dataset = DatasetFolder.open(root)
    except DatasetError as error:
        raise TransferRefused(f"Episodes can be chosen of a dataset v3.0 only ({error}): fetch all of them") from error
    count = len(dataset.episodes)
    if wrong := [number for number in source.episodes or () if number >= count]:
        raise TransferRefused(f"{source.name} has {count_of(count, 'episode')}, counted from 0: it has no {wrong[0]}")
    if dataset.video_keys and not source.videos:
        raise TransferRefused(f"Episodes of {source.name} come together with their videos, or all without any")
    return dataset


def _files_of(dataset: DatasetFolder, source: Source) -> set[str]:
    """Return the relative paths of the data and video files of the chosen episodes."""
    root, needed = dataset.root.resolve(), set()
    for number in source.episodes or ():
        episode = dataset.episode(number)
        if episode.data_file is not None:
            needed.add(episode.data_file)
        if dataset.video_keys:
            needed |= {span.path for span in episode.videos.values()}
    return {path.relative_to(root).as_posix() for path in needed}


def _fetch_all(
    name: str, files: Mapping[str, F], root: Path, watcher: Watcher, download: Download[F], is_right: IsRight[F]
) -> None:
    """Fetch these files; those that are there already count as done."""
    missing, present = {}, 0
    for path, file in files.items():
        target = root / path
        if target.is_file() and target.stat().st_size == file.size:
            present += file.size
        else:
            missing[path] = file
    check_space(root, sum(file.size - _size(root / f"{path}{PART}") for path, file in missing.items()))
    watcher.begin(sum(file.size for file in files.values()))
    watcher.add(present)
    for path, file in sorted(missing.items()):
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(target.name + PART)
        watcher.add(_size(part))
        _fetch(partial(download, path, file, part, watcher), part)
        if not is_right(file, part):
            part.unlink()
            raise Passing(f"{path} of {name} came damaged: try again")
        part.replace(target)


def _fetch(download: Callable[[], None], part: Path) -> None:
    """Fetch one file. A connection that is cut does no harm as long as each brings some bytes."""
    while True:
        before = _size(part)
        try:
            return download()
        except Passing:
            if _size(part) <= before:
                raise


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def numbers_of(text: str) -> tuple[int, ...] | None:
    """Return the numbers in `0,3,5-9`; None for an empty text. Raises TransferRefused."""
    if not text.strip():
        return None
    numbers: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        ends = [each.strip() for each in (first, last if dash else first)]
        values = [int(each) for each in ends if each.isascii() and each.isdigit() and len(each) < 7]
        if len(values) != 2 or values[0] > values[1]:
            raise TransferRefused(f"episodes {text[:60]!r}: write numbers as 0,3,5-9")
        numbers.update(range(values[0], values[1] + 1))
    return tuple(sorted(numbers))
