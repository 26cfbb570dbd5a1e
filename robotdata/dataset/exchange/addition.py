"""One dataset, or several, on the way into the home: a folder of its own with what has arrived, and its state.

The folder is on the disk of the datasets, so that a rename ends the way. Its `status.json` says how far it is; whoever
works on it holds its lock, so a state that says *running* without a holder was interrupted by the end of its process.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from robotdata.dataset.exchange.copy import copy_dataset
from robotdata.dataset.exchange.errors import BadSource, BadZip, Cancelled, Passing, TransferError
from robotdata.dataset.exchange.find import find_datasets
from robotdata.dataset.exchange.logs import receive_files
from robotdata.dataset.exchange.unpack import check_space, unpack
from robotdata.dataset.exchange.watcher import Watcher
from robotdata.files.errors import FileLocked
from robotdata.files.json_files import replace_json
from robotdata.files.lock import lock_file
from robotdata.files.plain_json import read_json
from robotdata.files.trees import remove_tree

INCOMING = ".incoming"
UPLOADING, RUNNING, DONE, FAILED, CANCELLED, INTERRUPTED = (
    "uploading",
    "running",
    "done",
    "failed",
    "cancelled",
    "interrupted",
)
_STATUS, _UPLOAD, _TREE, _CANCEL, _LOCK = "status.json", "upload.zip", "tree", "cancel", "lock"
_DOWNLOAD, _FILES = "download", "files"
_BEGIN_LOCK = ".begin.lock"
_REPORT_EVERY_S = 0.3
_KEPT_S = 24 * 3600.0
"""An upload that nobody continues is removed after this, as is the result of one that has ended."""


@dataclass(frozen=True, slots=True)
class Landed:
    """A folder that is now among the datasets: its `name` there, and the path that it had, `before`.

    `problem`: why it cannot be opened; empty for a dataset. `note`: why it has another name than before.
    """

    name: str
    before: str
    problem: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Addition:
    """The state of an addition. `source`: the zip file's name or the folders' path; `done` of `total` are bytes."""

    id: str
    source: str
    by: str = ""
    state: str = UPLOADING
    done: int = 0
    total: int = 0
    error: str = ""
    paths: tuple[str, ...] = ()  # folders to be copied, or one zip file on this computer; empty for an upload
    landed: tuple[Landed, ...] = field(default_factory=tuple)
    hub: dict[str, Any] | None = None  # what is fetched, as the function that fetches it reads it
    logs: bool = False  # files of other recorders: no dataset lands, they wait for an import
    moving: tuple[str, int] | None = None  # `before` and inode of the folder that is being moved among the datasets
    changed_at: float = 0.0  # Unix time

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen by itself or can be continued."""
        return self.state in {DONE, FAILED, CANCELLED}


@dataclass(frozen=True, slots=True)
class Tree:
    """A complete folder of a dataset that has arrived: where it was `before`, and its `name` there."""

    path: Path
    before: str
    name: str


Place = Callable[[Tree], Landed]
"""A function that moves a complete folder among the datasets and opens it there."""
Fetch = Callable[[Addition, Path, Watcher], Tree]
"""A function that downloads what `hub` says into a folder, where an earlier run may have left parts."""


class Incoming:
    """The additions in the folder `root`, which is on the disk of the datasets."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def begin(
        self,
        source: str,
        *,
        by: str = "",
        total: int = 0,
        paths: Iterable[Path] = (),
        landed: Iterable[Landed] = (),
        hub: dict[str, Any] | None = None,
        logs: bool = False,
    ) -> Addition:
        """Create an addition; without `paths` and `hub` it is an upload of `total` bytes.

        The disk needs room for it beside the rest of those that are on their way. Raises TransferError if it has none,
        FileLocked, and OSError.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        addition = Addition(
            str(uuid.uuid4()),
            source[:300],
            by=by,
            total=total,
            paths=tuple(map(str, paths)),
            landed=tuple(landed),
            hub=hub,
            logs=logs,
        )
        with contextlib.closing(os.fdopen(lock_file(self.root / _BEGIN_LOCK, wait_s=1.0), "rb")):
            coming = (each for each in self.list() if each.state in {UPLOADING, RUNNING}) if total else ()
            check_space(self.root, total, promised=sum(max(0, each.total - each.done) for each in coming))
            self._folder(addition.id).mkdir()
            return self._save(addition)

    def get(self, addition_id: str) -> Addition | None:
        """Return the addition as it is now; None if there is none."""
        addition = self._read(addition_id)
        if addition is None or addition.state != RUNNING or self._is_held(addition_id):
            return addition
        addition = self._read(addition_id)  # it may have ended between the two looks
        if addition is None or addition.state != RUNNING:
            return addition
        return replace(
            addition, state=INTERRUPTED, error="It was interrupted by a restart. Nothing is lost: try again."
        )

    def list(self) -> list[Addition]:
        """Return all additions, newest first."""
        names = [path.name for path in self.root.iterdir() if path.is_dir()] if self.root.is_dir() else []
        additions = [addition for name in names if (addition := self.get(name)) is not None]
        return sorted(additions, key=lambda addition: -addition.changed_at)

    def files(self, addition_id: str) -> Path | None:
        """Return the folder with the uploaded files of another recorder; None if there is none, or it is incomplete."""
        addition = self._read(addition_id)
        if addition is None or not addition.logs or addition.state != DONE:
            return None
        folder = self._folder(addition_id) / _FILES
        return folder if folder.is_dir() else None

    def store(self, addition_id: str, offset: int, data: bytes) -> Addition:
        """Add a piece of an upload. A piece that is there already is not an error, so that it can be repeated.

        Raises TransferError for a piece that leaves a gap, exceeds the size, or belongs to no open upload.
        """
        self._check_open(addition_id)
        with self._lock(addition_id):
            addition = self._check_open(addition_id)  # it may have ended while this waited for the lock
            path = self._folder(addition_id) / _UPLOAD
            size = path.stat().st_size if path.exists() else 0
            if offset + len(data) > addition.total:
                raise TransferError(
                    f"the piece ends at byte {offset + len(data):,}, but the file was said to have {addition.total:,}: "
                    "choose it again, it has changed"
                )
            if offset > size:
                raise TransferError(f"the next piece begins at byte {size:,} of {addition.total:,}, not at {offset:,}")
            with path.open("r+b" if size else "wb") as file:
                file.seek(offset)
                file.write(data)
                size = file.seek(0, os.SEEK_END)
            return self._save(replace(addition, done=size))

    def start(self, addition_id: str) -> Addition:
        """Declare the addition as running; `run` then does the work. Raises TransferError if it cannot run."""
        addition = self.get(addition_id)
        if addition is None or addition.state not in {UPLOADING, INTERRUPTED}:
            raise TransferError("it runs already or has ended")
        if not addition.paths and addition.state == UPLOADING and addition.done != addition.total:
            raise TransferError(f"{addition.done:,} of {addition.total:,} bytes have arrived: send the rest first")
        (self._folder(addition_id) / _CANCEL).unlink(missing_ok=True)
        return addition

    def run(
        self,
        addition: Addition,
        place: Place,
        started: Callable[[], None] = lambda: None,
        fetch: Fetch | None = None,
    ) -> Addition:
        """Unpack, copy or fetch, place each dataset; return the end state. `started` is called once it is *running*.

        Never raises for what a person can cause: `error` says it. What was complete by then stays. If another call has
        ended it meanwhile, nothing more is done.
        """
        folder = self._folder(addition.id)
        try:
            with self._lock(addition.id):
                current = self._read(addition.id)
                if current is None or current.has_ended:
                    return current or addition
                addition = self._save(replace(self._with_moved(current), state=RUNNING, error="", done=0))
                started()
                remove_tree(folder / _TREE)
                addition = self._work(addition, folder, place, fetch)
                remove_tree(folder / _TREE)
                if addition.has_ended:
                    remove_tree(folder / _DOWNLOAD)
                (folder / _UPLOAD).unlink(missing_ok=True)
        except FileLocked:
            return addition
        return addition

    def end(self, addition: Addition) -> Addition:
        """Declare an addition as done whose datasets needed no copy."""
        return self._save(replace(addition, state=DONE))

    def cancel(self, addition_id: str) -> Addition | None:
        """Cancel the addition; one that runs ends before its next piece. What has landed already stays.

        Files of another recorder are removed.
        """
        addition = self.get(addition_id)
        if addition is None or (addition.has_ended and self.files(addition_id) is None):
            return addition
        (self._folder(addition_id) / _CANCEL).touch()
        try:
            with self._lock(addition_id):
                for name in (_TREE, _DOWNLOAD, _FILES):
                    remove_tree(self._folder(addition_id) / name)
                (self._folder(addition_id) / _UPLOAD).unlink(missing_ok=True)
                addition = self._read(addition_id) or addition
                return addition if addition.has_ended else self._save(replace(addition, state=CANCELLED))
        except FileLocked:
            return addition

    def tidy(self, in_use: Callable[[], Collection[str]] = tuple) -> int:
        """Remove what has ended, or was not continued, a day ago, and half copies that were interrupted.

        Additions whose ids are `in_use` stay; it is asked only where something is old enough.
        """
        removed = 0
        for addition in self.list():
            with contextlib.suppress(FileLocked), self._lock(addition.id):
                current = self._read(addition.id) or addition
                if current.state == RUNNING:  # interrupted, because its lock was free
                    if current.moving is not None:  # before the tree goes: another folder may get its inode then
                        current = self._save(self._with_moved(current))
                    remove_tree(self._folder(addition.id) / _TREE)
                if current.changed_at < time.time() - _KEPT_S and current.id not in in_use():
                    remove_tree(self._folder(addition.id))
                    removed += 1
        return removed

    def _work(self, addition: Addition, folder: Path, place: Place, fetch: Fetch | None) -> Addition:
        reporter = _Reporter(self, addition)
        watcher = Watcher(reporter, (folder / _CANCEL).exists)
        try:
            for tree in self._trees(addition, folder, watcher, fetch):
                moving = (tree.before, tree.path.stat().st_ino)
                reporter.addition = self._save(replace(reporter.addition, moving=moving))
                landed = (*reporter.addition.landed, place(tree))
                reporter.addition = replace(reporter.addition, landed=landed, moving=None)
                self._save(reporter.addition)
        except Cancelled:
            return self._save(replace(reporter.addition, state=CANCELLED))
        except Passing as error:
            return self._save(replace(reporter.addition, state=INTERRUPTED, error=_sentence(addition, error)))
        except TransferError as error:
            return self._save(replace(reporter.addition, state=FAILED, error=_sentence(addition, error)))
        except OSError as error:
            reason = f"{addition.source} could not be added: {error.strerror or error}. Check the disk, then try again."
            return self._save(replace(self._with_moved(reporter.addition), state=FAILED, error=reason))
        return self._save(replace(reporter.addition, state=DONE))

    def _with_moved(self, addition: Addition) -> Addition:
        """Return the addition with the dataset that a killed process had moved, but not noted: it keeps its inode."""
        if addition.moving is None:
            return addition
        before, inode = addition.moving
        device = self.root.stat().st_dev
        states = {path.name: path.lstat() for path in self.root.parent.iterdir() if not path.name.startswith(".")}
        landed = [Landed(name, before) for name, state in states.items() if _is_folder(state, device, inode)]
        return replace(addition, landed=(*addition.landed, *landed), moving=None)

    def _trees(self, addition: Addition, folder: Path, watcher: Watcher, fetch: Fetch | None) -> Iterator[Tree]:
        """Yield each dataset that has arrived completely, except those that have landed before."""
        landed = {each.before for each in addition.landed}
        if addition.hub is not None:
            if fetch is not None and not landed:
                yield fetch(addition, folder / _DOWNLOAD, watcher)
            return
        target = folder / _TREE
        if addition.logs:
            receive_files(folder / _UPLOAD, addition.source, folder / _FILES, target, watcher)
            return
        sources = [Path(path) for path in addition.paths] or [folder / _UPLOAD]
        if addition.paths and not sources[0].is_file():
            for found in (found for path in sources for found in find_datasets(path)):
                if str(found.path) not in landed:
                    copy_dataset(found.path, target, watcher)
                    yield Tree(target, str(found.path), found.name)
            return
        unpack(sources[0], target, watcher)
        found_in = find_datasets(target)
        if not found_in:
            raise BadZip(
                "it holds no dataset: no folder in it has a meta/info.json. Pack the whole folder of a dataset"
            )
        for found in found_in:
            before = found.path.relative_to(target).as_posix()
            name = addition.source.removesuffix(".zip") if found.path == target else found.name
            if before not in landed:
                yield Tree(found.path, before, name)

    def _check_open(self, addition_id: str) -> Addition:
        """Return the upload. Raises TransferError if it takes no more pieces."""
        addition = self._read(addition_id)
        if addition is None or addition.state != UPLOADING or addition.paths or addition.hub:
            raise TransferError("this upload has ended or does not exist: begin a new one")
        return addition

    def _folder(self, addition_id: str) -> Path:
        return self.root / str(uuid.UUID(addition_id))

    def _lock(self, addition_id: str) -> contextlib.closing[Any]:
        """Hold the addition's lock. Raises FileLocked."""
        return contextlib.closing(os.fdopen(lock_file(self._folder(addition_id) / _LOCK, wait_s=1.0), "rb"))

    def _is_held(self, addition_id: str) -> bool:
        try:
            os.close(lock_file(self._folder(addition_id) / _LOCK))
        except FileLocked:
            return True
        return False

    def _save(self, addition: Addition) -> Addition:
        addition = replace(addition, changed_at=time.time())
        replace_json(self._folder(addition.id) / _STATUS, asdict(addition))
        return addition

    def _read(self, addition_id: str) -> Addition | None:
        try:
            value = read_json((self._folder(addition_id) / _STATUS).read_bytes())
            known = {each.name for each in fields(Addition)}
            value = {name: item for name, item in value.items() if name in known}
            landed = tuple(Landed(**each) for each in value.pop("landed", ()))
            moving = tuple(value["moving"]) if value.get("moving") else None
            return Addition(**{**value, "paths": tuple(value.get("paths", ())), "landed": landed, "moving": moving})
        except (OSError, ValueError, TypeError, AttributeError):
            return None


class _Reporter:
    """Saves the progress of an addition, a few times a second."""

    def __init__(self, incoming: Incoming, addition: Addition) -> None:
        self.addition = addition
        self._incoming = incoming
        self._saved_at = 0.0

    def __call__(self, done: int, total: int) -> None:
        self.addition = replace(self.addition, done=done, total=total)
        if time.monotonic() - self._saved_at > _REPORT_EVERY_S:
            self._saved_at = time.monotonic()
            self.addition = self._incoming._save(self.addition)


def _is_folder(state: os.stat_result, device: int, inode: int) -> bool:
    return stat.S_ISDIR(state.st_mode) and (state.st_dev, state.st_ino) == (device, inode)


def _sentence(addition: Addition, error: TransferError) -> str:
    """Return the error with its subject, as a sentence for people."""
    text = str(error).rstrip(".")
    return f"{text}." if isinstance(error, BadSource) else f"{addition.source} was not added: {text}."
