"""Send a state of a dataset to a folder of a bucket: only what is not there; then compare.

1. Files go in parts, which nobody sees yet; new videos go as they are, because nothing names them yet.
2. The list of hashes becomes *incomplete*. If a file takes the place of another one, or rows come or go, which readers
   find by the names of folders (`data/*/*.parquet`), `meta/info.json` goes for these few requests: who opens the folder
   then finds no dataset, and never a mixed one.
3. What the dataset does not have any more is removed, files take their places, `meta/info.json` last; then the list is
   written as complete, on the condition that nobody else wrote it meanwhile. Placing a file only joins its parts.

Before each request of 3 the list is looked at: once somebody else has written it, nothing is removed and nothing is
placed. A run that was killed at any of them is begun again: what the bucket has by its hash is not sent again.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial

from robotdata.dataset.exchange.again import clean_text
from robotdata.dataset.exchange.contents import (
    Comparison,
    Contents,
    OwnFile,
    compare,
    refuse_other_content,
    size_of,
)
from robotdata.dataset.exchange.progress import Pushed, Tally, Watch, watched
from robotdata.dataset.layout import INFO
from robotdata.dataset.storage.client import Storage
from robotdata.dataset.storage.errors import StorageError, StorageMoved, StorageRefused
from robotdata.dataset.storage.names import Target
from robotdata.dataset.storage.place import LIST, THREADS, FileList, Place, head_of, heads_of, look, write_list
from robotdata.dataset.storage.upload import Finish, Sender, Uploads, uploads_begun

_ROUNDS = 6
_SHOWN_NAME = 100
_FOUND_BY_FOLDER = ("data/", "meta/")
"""LeRobot reads every Parquet file in these, whatever `meta/info.json` says."""


def compared(
    storage: Storage, contents: Contents, target: Target, *, replace: bool = False
) -> tuple[Place, Comparison]:
    """Return what the bucket has, and what a push would do. Raises StorageError, ChangedMeanwhile and OSError.

    Raises TransferRefused, too, if the folder holds something else than a dataset, and StorageRefused if it holds
    another dataset, unless that is to be replaced.
    """
    place = look(storage, target, contents.files)
    if place.list is None:  # with one it is of a push, which may have been killed before there was a dataset
        refuse_other_content(str(target), place.objects)
    if not replace and (other := other_dataset(place, contents)):
        raise StorageRefused(
            f"{target} holds another dataset, {other}: choose another folder, or ask to replace that one (--replace, "
            "or the box on the page)"
        )
    return place, compare(contents, place.objects)


def other_dataset(place: Place, contents: Contents) -> str:
    """Return which other dataset is there, in words; empty if it is ours, or if there is none."""
    if place.list is not None and place.list.dataset:
        return "" if place.list.dataset == contents.name else clean_text(place.list.dataset, _SHOWN_NAME)
    return "which robotdata did not send" if place.list is not None or INFO in place.objects else ""


def push(storage: Storage, contents: Contents, target: Target, watch: Watch, *, replace: bool = False) -> Pushed:
    """Send what is missing, compare. `replace`: also in place of another dataset.

    Raises StorageError, what `watch` raises, TransferError and OSError.
    """
    sent: dict[str, int] = {}
    removed: set[str] = set()
    for attempt in range(_ROUNDS):
        try:
            before = Tally(contents.files, storage.stopped, {})
            place, changes = watched(lambda: compared(storage, contents, target, replace=replace), before, watch)
            tally = Tally([], storage.stopped, sent)
            if changes.to_send or changes.gone or not _is_current(place, contents):
                tally = _Push(storage, contents, target, place, changes).run(watch, sent)
            removed.update(changes.gone)
            return watched(partial(_verified, storage, contents, target, sent, len(removed)), tally, watch)
        except StorageMoved:
            if attempt + 1 == _ROUNDS:
                raise
            storage.stopped.wait(min(0.2 * 2**attempt, 5.0))
    raise AssertionError("unreachable")


def _is_current(place: Place, contents: Contents) -> bool:
    """Return whether the list names exactly our files."""
    if place.list is None or place.list.dataset != contents.name or not place.is_whole:
        return False
    return place.list.files.keys() == {file.name for file in contents.files}


class _Push:
    """One round of a push."""

    def __init__(self, storage: Storage, contents: Contents, target: Target, place: Place, changes: Comparison) -> None:
        self.storage, self.contents, self.target, self.place = storage, contents, target, place
        self.mark = str(uuid.uuid4())  # no list of another push, or of an earlier round, has the same bytes and ETag
        self.list, self.list_etag, self.gone = place.list, place.list_etag, changes.gone
        self.objects = {file.name: place.objects[file.name] for file in changes.same}
        self.info = next(file for file in contents.files if file.name == INFO)
        self.changed = {file.name for file in changes.changed}
        self.files = [file for file in changes.to_send if file is not self.info]
        self.away = bool(self.gone) or any(self._waits(file) for file in self.files)
        if self.away:  # then it goes for a moment
            self.objects.pop(INFO, None)

    def _waits(self, file: OwnFile) -> bool:
        """Return whether readers would see the file: it takes another one's place, or is found by its folder."""
        return file.name in self.changed or file.name.startswith(_FOUND_BY_FOLDER)

    @property
    def to_send(self) -> list[OwnFile]:
        """The files that are sent, the smaller ones first, and `meta/info.json` at the end."""
        return self.files if INFO in self.objects else [*self.files, self.info]

    def run(self, watch: Watch, sent: dict[str, int]) -> Tally:
        """Send, remove what is not of the dataset any more, put into place, write the list; return what was counted."""
        if self.list is None and INFO not in self.place.objects:
            self._write_list(complete=False)  # from now on the folder is one of ours, also if this is killed
        files = self.to_send
        tally = Tally(files, self.storage.stopped, sent)
        sender = Sender(self.storage, self.target, tally, self._begun())
        waiting: list[tuple[OwnFile, Finish]] = []

        def send(file: OwnFile) -> None:
            if file is self.info or self._waits(file):
                waiting.append((file, sender.prepare(file, staged=True)))
            else:
                self._place(file, sender.prepare(file, staged=False), tally)

        def show() -> None:
            self._show(sorted(waiting, key=lambda each: each[0] is self.info), tally)
            sender.remove_left()

        watched(lambda: _each(files, send), tally, watch)
        watch.commit()
        watched(show, tally, watch)
        return tally

    def _show(self, waiting: list[tuple[OwnFile, Finish]], tally: Tally) -> None:
        """Let readers see it: these few requests carry no content, so none needs room that is not there."""
        if self.to_send or self.gone:
            self._write_list(complete=False)
        try:
            if self.away and INFO in self.place.objects:
                self._delete(INFO)
            for name in self.gone:
                self._delete(name)
            for file, finish in waiting:
                self._check_own_list()
                self._place(file, finish, tally)
        except StorageMoved:
            raise
        except StorageError as error:
            if self.away:
                raise type(error)(f"{error}. {self.target} shows no dataset until a push to it succeeds") from error
            raise
        self._write_list(complete=True)

    def _begun(self) -> Uploads:
        try:
            return uploads_begun(self.storage, self.target)
        except StorageRefused:
            # Keys that may not list uploads (s3:ListBucketMultipartUploads) can push, but begin large files again.
            return {}

    def _place(self, file: OwnFile, finish: Finish, tally: Tally) -> None:
        self.objects[file.name] = finish()
        tally.finish([file])

    def _write_list(self, *, complete: bool) -> None:
        named = dict(self.objects) if complete else {}
        files = FileList(complete, self.contents.revision, named, self.contents.name, self.mark)
        self.list = write_list(self.storage, self.target, files, before=self.list_etag)
        self.list_etag = self.list.etag

    def _check_own_list(self) -> None:
        """Raise StorageMoved if somebody else has written the list since: the present objects are theirs."""
        if head_of(self.storage, self.target, LIST).etag != self.list_etag:
            raise StorageMoved(f"Somebody else is changing {self.target}: try again")

    def _delete(self, name: str) -> None:
        self._check_own_list()
        where = {"Bucket": self.target.bucket, "Key": self.target.key(name)}
        self.storage.ask(self.target, lambda: self.storage.client.delete_object(**where))


def _each(files: Iterable[OwnFile], send: Callable[[OwnFile], None]) -> None:
    """Send several at once. Raises the first error, once those have ended that were on their way."""
    pool = ThreadPoolExecutor(THREADS, "push")
    try:
        futures = [pool.submit(send, file) for file in files]
        for future in as_completed(futures):
            future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _verified(storage: Storage, contents: Contents, target: Target, sent: dict[str, int], removed: int) -> Pushed:
    """Compare the objects in the bucket with the local files. Raises StorageRefused if a file differs."""
    place = look(storage, target, contents.files)
    names = [file.name for file in contents.files if file.name in sent and file.name in place.objects]
    place.objects.update(heads_of(storage, target, names))
    after = compare(contents, place.objects)
    wrong = [file.name for file in (*after.new, *after.changed)]
    if wrong or not _is_current(place, contents):
        raise StorageRefused(
            f"{len(wrong)} of {len(contents.files)} files differ in {target} after the push, first "
            f"{(wrong or [LIST])[0]}: push again"
        )
    return Pushed(
        revision=contents.revision,
        sent_files=len(sent),
        sent_bytes=sum(sent.values()),
        same_files=len(contents.files) - len(sent),
        removed_files=removed,
        compared=len(after.same),
        compared_bytes=size_of(after.same),
    )
