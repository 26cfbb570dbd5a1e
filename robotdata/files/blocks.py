"""The space that files take on the disk: real blocks, and each file with several names once."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

_BLOCK = 512
"""Unit of `st_blocks`, whatever the file system's own block is."""


@dataclass
class Blocks:
    """Files below some folders. Symbolic links are counted themselves, not what they point to.

    `linked`: by device and inode of a file with several names, its bytes, how many names it has and how many of them
    were seen here. Other files are only summed up, so that memory stays small.
    """

    plain: int = 0
    linked: dict[tuple[int, int], tuple[int, int, int]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes on the disk, each file once."""
        return self.plain + sum(size for size, _, _ in self.linked.values())

    @property
    def freed(self) -> int:
        """Bytes that deleting all of it would free: those of files that have no name elsewhere."""
        return self.plain + sum(size for size, names, seen in self.linked.values() if seen >= names)

    def add(self, path: Path) -> None:
        """Add a file, or a folder with all that is in it. What disappears meanwhile, or cannot be read, is left out."""
        try:
            state = path.lstat()
        except OSError:
            return
        self._count(state)
        if stat.S_ISDIR(state.st_mode):
            self._walk(path)

    def merge(self, other: Blocks) -> None:
        """Add what `other` has counted; it must not have seen the same names."""
        self.plain += other.plain
        for key, (size, names, seen) in other.linked.items():
            self.linked[key] = size, names, seen + self.linked.get(key, (0, 0, 0))[2]

    def _walk(self, folder: Path) -> None:
        waiting = [os.fspath(folder)]
        while waiting:
            try:
                with os.scandir(waiting.pop()) as found:
                    for entry in found:
                        self._count(entry.stat(follow_symlinks=False))
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(entry.path)
            except OSError:
                continue

    def _count(self, state: os.stat_result) -> None:
        size = state.st_blocks * _BLOCK
        if state.st_nlink < 2 or stat.S_ISDIR(state.st_mode):  # a folder counts those in it as links
            self.plain += size
            return
        key = state.st_dev, state.st_ino
        self.linked[key] = size, state.st_nlink, self.linked.get(key, (0, 0, 0))[2] + 1


def blocks_of(paths: Iterable[Path]) -> Blocks:
    """Count these files, and these folders with all that is in them."""
    counted = Blocks()
    for path in paths:
        counted.add(path)
    return counted
