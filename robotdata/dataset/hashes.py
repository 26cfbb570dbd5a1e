"""The hash of every data and video file, kept in the sidecar: a bit that turned in a video still decodes."""

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
    """The list of hashes is itself not what was written."""


@dataclass(frozen=True, slots=True)
class FileHash:
    """What a file was when it was committed; `modified` in ns, as its file system said."""

    size: int
    sha256: str
    modified: int


def recorded(sidecar: Sidecar) -> dict[str, FileHash]:
    """Return the hash of each file by its relative path; empty if none were kept. Raises BadHashes."""
    table = sidecar.more.get(FILES)
    if table is None:
        return {}
    try:
        if sidecar.more.get(SUM) != _sum(table):
            raise BadHashes
        return {str(name): FileHash(int(e["size"]), str(e["sha256"]), int(e["modified"])) for name, e in table.items()}
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadHashes(f"{SIDECAR}: its list of hashes is damaged; the next commit rewrites it") from error


def hashed_files(layout: Layout, base_root: Path | None, base: Sidecar) -> dict[str, Any]:
    """Return what the sidecar of the state at `layout.root` keeps; files shared with the base are not read again."""
    known = _known(base_root, base) if base_root else {}
    table: dict[str, Any] = {}
    for path in layout.content_files():
        size, modified = path.stat().st_size, path.stat().st_mtime_ns
        entry = known.get((size, modified)) or FileHash(size, digest(path), modified)
        name = path.relative_to(layout.root).as_posix()
        table[name] = {"size": entry.size, "sha256": entry.sha256, "modified": entry.modified}
    return {FILES: table, SUM: _sum(table)}


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unlike(root: Path, sidecar: Sidecar, files: Iterable[Path]) -> set[Path]:
    """Return the files whose bytes differ from those committed; all files if the list itself is damaged."""
    root = root.resolve()
    try:
        kept = recorded(sidecar)
    except BadHashes:
        return set(files)
    return {path for path in files if (entry := kept.get(path.relative_to(root).as_posix())) and not _is(path, entry)}


def _is(path: Path, entry: FileHash) -> bool:
    return path.is_file() and path.stat().st_size == entry.size and digest(path) == entry.sha256


def _known(root: Path, sidecar: Sidecar) -> dict[tuple[int, int], FileHash]:
    """The kept hashes by size and time of the files that have them: a link shares both, and a copy keeps both."""
    try:
        kept = recorded(sidecar)
    except BadHashes:
        return {}
    found: dict[tuple[int, int], FileHash] = {}
    twice = set()
    for path, entry in _there(root, kept):
        state = path.stat()
        if state.st_size != entry.size:
            continue  # changed by another program: hashed as it is now
        key = (state.st_size, state.st_mtime_ns)
        if key in found and found[key].sha256 != entry.sha256:
            twice.add(key)
        found[key] = entry
    return {key: entry for key, entry in found.items() if key not in twice}


def _there(root: Path, kept: Mapping[str, FileHash]) -> Iterable[tuple[Path, FileHash]]:
    return [(root / name, entry) for name, entry in kept.items() if (root / name).is_file()]


def _sum(table: Any) -> str:
    return hashlib.sha256(json.dumps(table, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
