"""Keep a state of a dataset while it is sent: hard links to its files, so that a later state does not change it.

A part of a dataset is composed as an edit that deletes everything else: rows are written again, packets of videos are
copied. It takes space, so only the last few are kept. The work folder has the whole as `sent-<dataset>-<version>`, a
part as `sent-<dataset>+<version>`, until nobody has asked for it for a day. No dataset's name has a `+`; the folders of
unfinished edits, which lie beside them, have an `@`.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from robotdata.dataset.errors import UnsafePath
from robotdata.dataset.exchange.copy import list_files
from robotdata.dataset.exchange.errors import TransferError
from robotdata.dataset.exchange.unpack import check_space
from robotdata.dataset.exchange.zip_plan import SentFile, ZipPlan
from robotdata.dataset.layout import contained
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.write.edit import select_episodes
from robotdata.dataset.write.transfer_preview import size_of_episodes
from robotdata.files.trees import remove_tree

_KEPT_S = 24 * 3600.0
_TRIES = 5
_MAX_PARTS = 8
"""Parts of datasets that are kept in one work folder."""
_composing = threading.Lock()


@dataclass(frozen=True, slots=True)
class Archive:
    """A zip file of a dataset. `version` names the state and the choice of episodes that it holds."""

    plan: ZipPlan
    version: str


class OtherVersion(TransferError):
    """The dataset is not in the requested version any more."""


def plan_of(root: Path, name: str) -> ZipPlan:
    """Return the zip file of the folder `root`, whose files are in the folder `name` in it. Raises TransferError."""
    root = root.resolve()
    try:
        return ZipPlan([SentFile.of(contained(root, each), f"{name}/{each}") for each in list_files(root)])
    except UnsafePath as error:
        raise TransferError(str(error)) from error


def archive_of(
    root: Path, work: Path, name: str, *, episodes: Sequence[int] | None = None, version: str = ""
) -> Archive:
    """Return the zip file of the dataset in `root`, or of some of its episodes, kept in the folder `work`.

    With `version`, it is that one, also after the dataset has changed. Raises OtherVersion if it is gone,
    TransferError (also if the disk has no room for the episodes), DatasetError for episodes that cannot be cut out, and
    OSError.
    """
    root = root.resolve()
    find = partial(_kept, work, name, part=episodes is not None)
    if version and (kept := find(version)):
        return Archive(plan_of(kept, name), version)
    plan = plan_of(root, name)
    current = plan.etag
    if episodes is not None:
        chosen = ",".join(map(str, sorted(set(episodes))))
        current = hashlib.blake2s(f"{current} {chosen}".encode(), digest_size=12).hexdigest()
    if version and version != current:
        raise OtherVersion(f"{name} has changed since this download began: begin it again")
    if kept := find(current):
        return Archive(plan_of(kept, name), current)
    if episodes is None:
        return _linked(root, work, name, plan)
    with _composing:
        kept = find(current) or _select(root, work, _path(work, name, current, part=True), sorted(set(episodes)))
    return Archive(plan_of(kept, name), current)


def tidy_sent(work: Path) -> int:
    """Remove what nobody has asked for since a day, and what killed processes left; return how many."""
    removed = 0
    for folder in _sent(work, "sent-*"):
        with suppress(FileNotFoundError):
            if folder.stat().st_mtime < time.time() - _KEPT_S:
                remove_tree(folder)
                removed += 1
    return removed


def sent_of(work: Path, name: str) -> list[Path]:
    """Return the folders of the dataset `name` that are kept for downloads."""
    kept = (re.fullmatch(r"sent-(.+)[-+][0-9a-f]+", folder.name) for folder in _sent(work, "sent-*"))
    return sorted(work / match[0] for match in kept if match is not None and match[1] == name)


def _sent(work: Path, pattern: str) -> list[Path]:
    """Return the folders that are sent. The name of a dataset may begin with `sent-`: its unfinished edits are left."""
    return [folder for folder in work.glob(pattern) if "@" not in folder.name] if work.is_dir() else []


def _select(root: Path, work: Path, target: Path, indices: Sequence[int]) -> Path:
    """Build the part `target`, if the disk has room for it. The parts that were asked for longest ago go."""
    dataset, chosen = DatasetFolder.open(root), set(indices)
    episodes = [episode for episode in dataset.episodes if episode.index in chosen]
    if len(episodes) == len(chosen):  # else select_episodes says which one is missing
        used = sorted(_sent(work, "sent-*+*"), key=lambda folder: folder.stat().st_mtime_ns)
        for folder in used[: max(0, len(used) - _MAX_PARTS + 1)]:
            remove_tree(folder)
        check_space(root.parent, size_of_episodes(dataset, episodes))
    return _build(work, target, lambda folder: select_episodes(root, indices, folder))


def _linked(root: Path, work: Path, name: str, plan: ZipPlan) -> Archive:
    """Return the zip file of hard links to `root`; without them, if the file system has none, of `root` itself."""
    for _ in range(_TRIES):
        try:
            kept = _build(work, _path(work, name, plan.etag), partial(_link, plan, name))
        except FileNotFoundError:  # another state came meanwhile
            kept = None
        except OSError:
            return Archive(plan, plan.etag)  # each file is compared when it is read
        newest = plan_of(root, name)
        if kept is not None and newest.etag == plan.etag:
            return Archive(plan_of(kept, name), plan.etag)
        if kept is not None:
            remove_tree(kept)
        plan = newest
    raise TransferError(f"{name} is being changed all the time: try again in a moment")


def _link(plan: ZipPlan, name: str, folder: Path) -> None:
    for file in plan.files:
        target = folder / file.name.removeprefix(f"{name}/")
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(file.path, target)


def _build(work: Path, target: Path, fill: Callable[[Path], None]) -> Path:
    """Fill a new folder and rename it to `target`, so that this is complete or missing."""
    work.mkdir(exist_ok=True)
    part = work / f"sent-.{secrets.token_hex(6)}.part"
    try:
        fill(part)
        with suppress(FileExistsError, OSError):  # another request was first: its folder is the same
            part.rename(target)
        return target
    finally:
        remove_tree(part)


def _kept(work: Path, name: str, version: str, *, part: bool) -> Path | None:
    """Return the folder of this version, and note that it is in use; None if there is none."""
    folder = _path(work, name, version, part=part)
    if not version.isalnum() or not folder.is_dir():
        return None
    os.utime(folder)
    return folder


def _path(work: Path, name: str, version: str, *, part: bool = False) -> Path:
    return work / f"sent-{name}{'+' if part else '-'}{version}"
