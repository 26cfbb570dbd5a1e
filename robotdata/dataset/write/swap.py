"""Swap the next state with the old one atomically, and recover from killed processes.

A work folder `<dataset>@<token>` holds `next/`, the state that is being built, and, once that is complete and durable,
`ready.json`, which describes the swap. Then `next` and the dataset are exchanged, and the old state moves to the
revisions.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from robotdata.dataset.errors import CommitError, DatasetError
from robotdata.dataset.layout import SIDECAR
from robotdata.dataset.reader import read_json
from robotdata.dataset.sidecar import read_sidecar
from robotdata.files.exchange import exchange
from robotdata.files.json_files import write_new_json
from robotdata.files.replace import leftovers
from robotdata.files.sync import sync_folders, sync_path
from robotdata.files.trees import remove_tree
from robotdata.files.versions import check_version

VERSION = 1
READY = "ready.json"
NEXT = "next"
OLD = "old"


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was recovered after a crash. `text` describes it; it is empty if nothing was to be done."""

    rolled_back: int = 0
    rolled_forward: int = 0

    @property
    def text(self) -> str:
        parts = []
        if self.rolled_forward:
            parts.append(f"{self.rolled_forward} commit(s) completed")
        if self.rolled_back:
            parts.append(f"{self.rolled_back} half-built state(s) removed; the dataset is unchanged")
        return "; ".join(parts)


@contextmanager
def work_folder(root: Path, work: Path) -> Iterator[Path]:
    """Create a work folder for the dataset at `root` (resolved). Remove it at the end unless a swap is incomplete."""
    work.mkdir(parents=True, exist_ok=True)
    root.parent.mkdir(parents=True, exist_ok=True)
    if work.stat().st_dev != root.parent.stat().st_dev:
        raise CommitError(f"{work} is not on the same file system as {root}, so a new state cannot be moved into place")
    folder = work / f"{root.name}@{secrets.token_hex(6)}"
    folder.mkdir()
    try:
        yield folder
    finally:
        if not (folder / READY).exists():
            remove_tree(folder)


def swap_in(root: Path, folder: Path, revisions: Path, *, keep_revisions: int) -> None:
    """Put the complete and durable `folder/next` in the place of `root`; the old state goes to `revisions/<n>`."""
    fresh = is_fresh(root)
    old = read_sidecar(root, []).revision
    new = read_sidecar(folder / NEXT, []).revision
    sync_folders(folder / NEXT)
    # Write under another name first: an incomplete ready.json must not announce a swap.
    unready = folder / f".{READY}"
    write_new_json(unready, {"version": VERSION, "dataset": root.name, "fresh": fresh, "from": old, "to": new})
    unready.rename(folder / READY)
    sync_path(folder)
    _exchange(root, folder, fresh)
    _finish(root, folder, revisions)
    if not fresh:
        prune_revisions(revisions, keep_revisions)


def recover_dataset(root: Path, work: Path, revisions: Path) -> Recovered:
    """Recover from a killed commit or edit of `root`. Call it while holding `dataset_lock`.

    Incomplete states are removed, and incomplete swaps are completed. It is idempotent.
    """
    root = root.resolve()
    for left in leftovers(root / SIDECAR):
        left.unlink()
    back = forward = 0
    for folder in sorted(work.glob(f"{_escaped(root.name)}@*")) if work.is_dir() else ():
        if not (folder / READY).is_file():
            back += (folder / NEXT).exists()
            remove_tree(folder)
            continue
        if _swapped(root, folder):
            _finish(root, folder, revisions)
            forward += 1
        elif is_fresh(root) and (folder / OLD).exists():
            # Killed between the two renames that replace an exchange: the dataset is in neither place.
            (folder / NEXT).rename(root)
            sync_path(root.parent)
            _finish(root, folder, revisions)
            forward += 1
        else:
            (folder / READY).unlink()
            sync_path(folder)
            remove_tree(folder)
            back += 1
    return Recovered(back, forward)


def is_fresh(root: Path) -> bool:
    """Return whether `root` does not exist or is an empty folder."""
    return not root.exists() or (root.is_dir() and not any(root.iterdir()))


def list_revisions(revisions: Path) -> list[int]:
    """Return the numbers of the revisions that can be reverted to, ascending."""
    paths = revisions.iterdir() if revisions.is_dir() else ()
    return sorted(int(path.name) for path in paths if path.name.isdecimal() and path.is_dir())


def prune_revisions(revisions: Path, keep: int) -> None:
    """Remove all but the newest `keep` earlier states."""
    numbers = list_revisions(revisions)
    for number in numbers[: max(0, len(numbers) - keep)]:
        # Rename first, so that a killed process leaves no incomplete revision.
        doomed = revisions / f".gone-{number}-{secrets.token_hex(4)}"
        (revisions / str(number)).rename(doomed)
    for left in revisions.glob(".gone-*") if revisions.is_dir() else ():
        remove_tree(left)


def _exchange(root: Path, folder: Path, fresh: bool) -> None:
    if fresh:
        (folder / NEXT).rename(root)
    elif not exchange(folder / NEXT, root):
        root.rename(folder / OLD)
        (folder / NEXT).rename(root)
    sync_path(root.parent)
    sync_path(folder)


def _swapped(root: Path, folder: Path) -> bool:
    """Return whether `root` is already the state that `folder` was made for."""
    try:
        plan = read_json(folder.resolve() / READY)
    except DatasetError:
        return False
    try:
        check_version(plan.get("version"), VERSION, str(folder / READY))
    except ValueError as error:
        raise CommitError(f"{error}; the dataset and that folder are left as they are") from None
    if plan["fresh"]:
        return not (folder / NEXT).exists()
    if (folder / OLD).exists():
        return not (folder / NEXT).exists()
    return (folder / NEXT).exists() and read_sidecar(root, []).revision == plan["to"]


def _finish(root: Path, folder: Path, revisions: Path) -> None:
    """Store the old state, which is in the work folder now, and remove the folder."""
    number = int(read_json(folder.resolve() / READY)["from"])
    for old_state in (folder / OLD, folder / NEXT):
        if old_state.exists():
            revisions.mkdir(parents=True, exist_ok=True)
            target = revisions / str(number)
            if target.exists():  # an older state has the same number; this one is newer
                target.rename(revisions / f".gone-{number}-{secrets.token_hex(4)}")
            old_state.rename(target)
            sync_path(revisions)
    (folder / READY).unlink()
    remove_tree(folder)
    sync_path(folder.parent)


def _escaped(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
