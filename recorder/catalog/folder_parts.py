"""List what a dataset's folder consists of: its tables, videos and images, with numbers of files and bytes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TEXTS = {
    "meta": "Features, tasks, statistics and where each episode lies",
    "data": "States, actions and times, one row a frame",
    "videos": "Videos",
    "images": "Images",
}
_WITH_CAMERAS = ("videos", "images")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the folder: its `path` in it, a `text` for people, and its `files` with their `size` in bytes."""

    path: str
    text: str
    files: int
    size: int
    largest: int


def folder_parts(root: Path) -> list[Part]:
    """Return the parts of a dataset's folder by path: meta, data, each camera's videos or images, and other files.

    Sizes are lengths of files in bytes, not blocks on the disk. Links are not followed. What cannot be read is left
    out, so a folder that is missing has no parts.
    """
    sizes: dict[str, list[int]] = {}
    for path, size in _files(root):
        sizes.setdefault(_part_of(path), []).append(size)
    return [
        Part(name, _text_of(name), len(found), sum(found), max(found))
        for name, found in sorted(sizes.items(), key=lambda item: (item[0] == "", item[0]))
    ]


def _files(root: Path) -> Iterator[tuple[tuple[str, ...], int]]:
    """Yield the path, as names below the root, and the size of each file; however deeply nested."""
    folders: list[tuple[str, tuple[str, ...]]] = [(str(root), ())]
    while folders:
        folder, parents = folders.pop()
        try:
            with os.scandir(folder) as entries:
                found = list(entries)
        except OSError:
            continue
        for entry in found:
            path = (*parents, entry.name)
            try:
                if entry.is_dir(follow_symlinks=False):
                    folders.append((entry.path, path))
                else:
                    yield path, entry.stat(follow_symlinks=False).st_size
            except OSError:
                continue  # it went meanwhile


def _part_of(path: tuple[str, ...]) -> str:
    """Return the part that a file belongs to; empty for files beside the known folders."""
    if len(path) < 2 or path[0] not in _TEXTS:
        return ""
    return "/".join(path[:2]) if path[0] in _WITH_CAMERAS and len(path) > 2 else path[0]


def _text_of(name: str) -> str:
    if not name:
        return "Other files, such as the dataset card"
    return _TEXTS[name.split("/")[0]]
