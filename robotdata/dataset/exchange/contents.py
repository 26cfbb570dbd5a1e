"""What of a dataset is sent out, to the Hub or into a bucket, and how that differs from what they have.

A file belongs to the dataset if LeRobot reads it: everything in `meta` except robotdata's own sidecar, and the data and
video files that the templates of `info.json` name. The sidecar stays here, because it holds the names of people, their
notes and their verdicts. A path is compared by its hash: SHA-256, and git's SHA-1 of small files in a repository.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cachetools import LRUCache

from robotdata.dataset.exchange.errors import TransferRefused
from robotdata.dataset.exchange.snapshot import Archive
from robotdata.dataset.exchange.zip_plan import ChangedMeanwhile, Identity, SentFile, identity_of
from robotdata.dataset.hashes import BadHashes, digest, recorded
from robotdata.dataset.layout import INFO, SIDECAR, Layout
from robotdata.dataset.reader import read_info
from robotdata.dataset.sidecar import read_sidecar
from robotdata.numbers import count

CARD = "README.md"
OWN_FOLDERS = ("meta/", "data/", "videos/")
"""Folders in which a push removes what the dataset does not have any more."""
_THEIRS = {".gitattributes", ".gitignore", CARD, "LICENSE", "LICENSE.md"}
_PIECE_BYTES = 1 << 20
_digests: LRUCache[tuple[Identity, str], str] = LRUCache(100_000)
_digests_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class OwnFile:
    """A file that is sent: `name` is its relative path, `stored` its SHA-256 when it was committed (empty: unknown)."""

    name: str
    sent: SentFile
    stored: str = ""

    @property
    def size(self) -> int:
        """Its size in bytes."""
        return self.sent.size

    def sha256(self) -> str:
        """Return the SHA-256 in hexadecimal; it is computed unless it is known. Raises ChangedMeanwhile, OSError."""
        return self.stored or self._digest("sha256", digest)

    def git_sha1(self) -> str:
        """Return the SHA-1 that git gives the content. Raises ChangedMeanwhile, OSError."""
        return self._digest("git", git_sha1_of)

    def _digest(self, kind: str, compute: Callable[[Path], str]) -> str:
        with _digests_lock:
            known = _digests.get((self.sent.identity, kind))
        if known is None:
            known = compute(self.sent.path)
            self.check()
            with _digests_lock:
                _digests[self.sent.identity, kind] = known
        return known

    def check(self) -> None:
        """Raise ChangedMeanwhile if the file is not the one that was listed."""
        try:
            same = identity_of(self.sent.path.stat()) == self.sent.identity
        except FileNotFoundError:
            same = False
        if not same:
            raise ChangedMeanwhile(f"{self.sent.path} has changed meanwhile: begin again")


@dataclass(frozen=True, slots=True)
class Contents:
    """The files of one state of the dataset `name` that are sent, and the names of those that stay here."""

    root: Path
    revision: int
    files: list[OwnFile]
    left_out: list[str]
    name: str

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


class Remote(Protocol):
    """A file on the other side."""

    def is_like(self, file: OwnFile, /) -> bool:
        """Return whether it has the content of our file."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file in the repository: size in bytes, git's SHA-1, and the SHA-256 of a large one (else empty)."""

    size: int
    sha1: str
    sha256: str = ""

    def is_like(self, file: OwnFile) -> bool:
        """Return whether it has the content of our file."""
        if self.size != file.size:
            return False
        return file.sha256() == self.sha256 if self.sha256 else file.git_sha1() == self.sha1


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a push has to do: `new` and `changed` files are sent, `gone` ones removed; `same` ones are there."""

    new: list[OwnFile] = field(default_factory=list)
    changed: list[OwnFile] = field(default_factory=list)
    same: list[OwnFile] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)

    @property
    def to_send(self) -> list[OwnFile]:
        """The files that are not there, small ones first."""
        return sorted([*self.new, *self.changed], key=lambda file: (file.size, file.name))


def size_of(files: Iterable[OwnFile]) -> int:
    """Return the bytes of these files."""
    return sum(file.size for file in files)


def contents_of(archive: Archive, name: str) -> Contents:
    """Return what is sent of the state in `archive`, whose files are in the folder `name`.

    Raises TransferRefused if that is not a dataset, and DatasetError.
    """
    paths = {file.name.removeprefix(f"{name}/"): file for file in archive.plan.files}
    if INFO not in paths:
        raise TransferRefused(f"{name} has no {INFO}: encode takes first")
    root = paths[INFO].path.parent.parent
    layout = Layout.of(root, read_info(root))
    content = {
        path.relative_to(root).as_posix()
        for template in (layout.data, layout.video)
        for path in root.glob(template.glob)
    }
    sidecar = read_sidecar(root, [])
    try:
        hashes = recorded(sidecar)
    except BadHashes:
        hashes = {}
    files, left_out = [], []
    for path, sent in paths.items():
        if not _belongs(path, content):
            left_out.append(path)
            continue
        entry = hashes.get(path)
        known = entry is not None and (entry.size, entry.modified) == (sent.size, sent.identity[3])
        files.append(OwnFile(path, sent, entry.sha256 if entry is not None and known else ""))
    return Contents(root, sidecar.revision, files, sorted(left_out), name)


def compare(contents: Contents, remote: Mapping[str, Remote]) -> Comparison:
    """Return what a push has to do. Only files that could be the same are read. Raises ChangedMeanwhile, OSError."""
    result = Comparison()
    for file in contents.files:
        there = remote.get(file.name)
        kind = result.new if there is None else result.same if there.is_like(file) else result.changed
        kind.append(file)
    own = {file.name for file in contents.files}
    result.gone.extend(sorted(name for name in remote if name.startswith(OWN_FOLDERS) and name not in own))
    return result


def refuse_other_content(place: str, remote: Mapping[str, Remote]) -> None:
    """Raise TransferRefused if the place holds something else than a LeRobot dataset."""
    if INFO in remote:
        return
    if others := sorted(name for name in remote if name not in _THEIRS):
        raise TransferRefused(
            f"{place} holds {count(len(others), 'file')}, not of a LeRobot dataset (first "
            f"{others[0][:100]!r}): choose another name"
        )


def _belongs(path: str, content: set[str]) -> bool:
    if path == SIDECAR or any(part.startswith(".") for part in path.split("/")):
        return False
    return path.startswith("meta/") or path in content


def git_sha1(data: bytes) -> str:
    """Return the SHA-1 that git gives a file with this content."""
    return hashlib.sha1(b"blob %d\0%b" % (len(data), data), usedforsecurity=False).hexdigest()


def git_sha1_of(path: Path) -> str:
    """Return the SHA-1 that git gives the content of a file."""
    total = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            total.update(piece)
    return total.hexdigest()
