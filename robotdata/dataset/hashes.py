"""Hashes of all data and video files, stored in the sidecar. A video with a flipped bit may still decode."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robotdata.dataset.layout import SIDECAR, Layout
from robotdata.dataset.sidecar import Sidecar

FILES = "files"
SUM = "files_sha256"


class BadHashes(ValueError):
    """The stored list of hashes is damaged."""


@dataclass(frozen=True, slots=True)
class FileHash:
    """A file when it was committed: size in bytes, SHA-256, and modification time in ns."""

    size: int
    sha256: str
    modified: int


def recorded(sidecar: Sidecar) -> dict[str, FileHash]:
    """Return the hash of each file by its relative path; empty if none were stored. Raises BadHashes."""
    table = sidecar.more.get(FILES)
    if table is None:
        return {}
    try:
        if sidecar.more.get(SUM) != _sum(table):
            raise BadHashes
        return {str(name): FileHash(int(e["size"]), str(e["sha256"]), int(e["modified"])) for name, e in table.items()}
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadHashes(f"{SIDECAR}: its list of hashes is damaged; the next commit rewrites it") from error


def hashed_files(
    layout: Layout, base_root: Path | None, base: Sidecar, others: Iterable[tuple[Path, Sidecar]] = ()
) -> dict[str, Any]:
    """Return the hashes to store in the sidecar of the state at `layout.root`.

    Files that are shared with the base, or are hard links to unchanged files of `others`, are not read again.
    """
    known = _known(base_root, base) if base_root else {}
    linked = {inode: entry for root, sidecar in others for inode, entry in _linked(root, sidecar)}
    table: dict[str, Any] = {}
    for path in layout.content_files():
        state = path.stat()
        size, modified = state.st_size, state.st_mtime_ns
        entry = known.get((size, modified)) or linked.get((state.st_dev, state.st_ino))
        entry = entry or FileHash(size, digest(path), modified)
        name = path.relative_to(layout.root).as_posix()
        table[name] = {"size": entry.size, "sha256": entry.sha256, "modified": entry.modified}
    return {FILES: table, SUM: _sum(table)}


def digest(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal text."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unlike(root: Path, sidecar: Sidecar, files: Iterable[Path]) -> set[Path]:
    """Return the files whose content differs from what was committed; all files if the list is damaged."""
    root = root.resolve()
    try:
        stored = recorded(sidecar)
    except BadHashes:
        return set(files)
    return {path for path in files if (entry := stored.get(path.relative_to(root).as_posix())) and not _is(path, entry)}


def _is(path: Path, entry: FileHash) -> bool:
    """Return whether the file has this content."""
    return path.is_file() and path.stat().st_size == entry.size and digest(path) == entry.sha256


def _known(root: Path, sidecar: Sidecar) -> dict[tuple[int, int], FileHash]:
    """Return the stored hashes by (size, modification time) of existing files.

    A hard link shares both, and a copy keeps both.
    """
    try:
        stored = recorded(sidecar)
    except BadHashes:
        return {}
    hashes: dict[tuple[int, int], FileHash] = {}
    ambiguous = set()
    for path, entry in _existing(root, stored):
        state = path.stat()
        if state.st_size != entry.size:
            continue  # another program changed it; it is hashed again
        key = (state.st_size, state.st_mtime_ns)
        if key in hashes and hashes[key].sha256 != entry.sha256:
            ambiguous.add(key)
        hashes[key] = entry
    return {key: entry for key, entry in hashes.items() if key not in ambiguous}


def _linked(root: Path, sidecar: Sidecar) -> Iterable[tuple[tuple[int, int], FileHash]]:
    """Yield device and inode of the files that are as they were when they were committed, with their hashes."""
    try:
        stored = recorded(sidecar)
    except BadHashes:
        return
    for path, entry in _existing(root, stored):
        state = path.stat()
        if (state.st_size, state.st_mtime_ns) == (entry.size, entry.modified):
            yield (state.st_dev, state.st_ino), entry


def _existing(root: Path, stored: Mapping[str, FileHash]) -> Iterable[tuple[Path, FileHash]]:
    """Return the stored hashes of files that exist."""
    return [(root / name, entry) for name, entry in stored.items() if (root / name).is_file()]


def _sum(table: Any) -> str:
    """Return the hash of the list of hashes."""
    return hashlib.sha256(json.dumps(table, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
