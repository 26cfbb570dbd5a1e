"""What is in a folder of a bucket: its objects, and the list of hashes that a push writes last.

A bucket knows no commit. So the list, `robotdata.json` beside `meta`, says which files belong together, with their
SHA-256; it is `complete` only while all of them are there. An object that a push has sent has its SHA-256 in its own
metadata, too: the work of a push that was killed is found there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from robotdata.dataset.exchange.contents import OwnFile
from robotdata.dataset.storage.client import Storage
from robotdata.dataset.storage.errors import StorageMoved, StorageRefused, StorageUnable
from robotdata.dataset.storage.names import Target
from robotdata.dataset.storage.paging import pages
from robotdata.files.plain_json import read_json

LIST = "robotdata.json"
HASH = "sha256"
THREADS = 4
MAX_OBJECTS = 200_000
_MAX_LIST_BYTES = 64 << 20
_KIND = "robotdata: files of a dataset"
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class RemoteObject:
    """An object: size in bytes, the ETag, which changes with the content, and its SHA-256 (empty: unknown)."""

    size: int
    etag: str
    sha256: str = ""

    def is_like(self, file: OwnFile) -> bool:
        """Return whether it has the content of our file."""
        return self.size == file.size and bool(self.sha256) and self.sha256 == file.sha256()


@dataclass(frozen=True, slots=True)
class FileList:
    """The list of hashes: the files by their relative paths, and the name of the dataset.

    `push` is another text for each push. `etag` is the list's own.
    """

    complete: bool
    revision: int
    files: Mapping[str, RemoteObject]
    dataset: str
    push: str
    etag: str = ""

    def as_bytes(self) -> bytes:
        """Return it as JSON."""
        files = {name: {"size": e.size, "etag": e.etag, HASH: e.sha256} for name, e in sorted(self.files.items())}
        value = {"kind": _KIND, "complete": self.complete, "dataset": self.dataset, "push": self.push}
        return json.dumps({**value, "revision": self.revision, "files": files}, indent=1).encode()


@dataclass(frozen=True, slots=True)
class Place:
    """A folder as it is: its objects by relative path, without the list itself, and the list, if there is one.

    `list_etag`: of the list, also of one that cannot be read; empty if there is none.
    """

    objects: dict[str, RemoteObject]
    list: FileList | None
    list_etag: str

    @property
    def is_whole(self) -> bool:
        """Whether the list is complete, and every object is the one that it names."""
        return self.list is not None and self.list.complete and not self.unlike_list()

    def unlike_list(self) -> tuple[str, ...]:
        """Return the files of the list that are not there, or not as it names them; sorted."""
        listed = {} if self.list is None else self.list.files
        objects = self.objects
        wrong = (name for name, each in listed.items() if name not in objects or objects[name].etag != each.etag)
        return tuple(sorted(wrong))


def look(storage: Storage, target: Target, own: Iterable[OwnFile] = ()) -> Place:
    """Return the objects that exist. Objects that could be one of our own files get their hash. Raises StorageError."""
    objects = objects_of(storage, target)
    listed = objects.pop(LIST, None)
    files = _list_of(storage, target) if listed is not None else None
    known = {} if files is None else files.files
    for name, entry in known.items():
        if (each := objects.get(name)) is not None and (entry.etag, entry.size) == (each.etag, each.size):
            objects[name] = entry
    sizes = {file.name: file.size for file in own}
    unknown = [name for name, each in objects.items() if each.size == sizes.get(name) and not each.sha256]
    objects |= heads_of(storage, target, unknown)
    return Place(objects, files, listed.etag if listed is not None else "")


def objects_of(storage: Storage, target: Target) -> dict[str, RemoteObject]:
    """Return the objects of the folder by their relative paths, without their hashes. Raises StorageError."""
    objects: dict[str, RemoteObject] = {}
    begin = f"{target.folder}/"
    ask = partial(storage.client.list_objects_v2, Bucket=target.bucket, Prefix=begin)
    for page in pages(storage, target, ask, "Contents", {"ContinuationToken": "NextContinuationToken"}):
        for each in page.get("Contents", []):
            name = str(each["Key"]).removeprefix(begin)
            if name and not name.endswith("/"):  # the storage's own page makes such a one for a folder
                objects[name] = RemoteObject(int(each["Size"]), str(each["ETag"]).strip('"'))
        if len(objects) > MAX_OBJECTS:
            raise StorageRefused(f"{target} holds more than {MAX_OBJECTS:,} files: choose another folder")
    return objects


def heads_of(storage: Storage, target: Target, names: Sequence[str]) -> dict[str, RemoteObject]:
    """Return objects by name as `head_of` does, several at once."""
    with ThreadPoolExecutor(THREADS) as pool:
        return dict(zip(names, pool.map(lambda name: head_of(storage, target, name), names), strict=True))


def head_of(storage: Storage, target: Target, name: str) -> RemoteObject:
    """Return an object with the hash that its sender noted. Raises StorageError; StorageMoved if it is not there."""
    found = storage.ask(target, lambda: storage.client.head_object(Bucket=target.bucket, Key=target.key(name)))
    return RemoteObject(int(found["ContentLength"]), str(found["ETag"]).strip('"'), sha256_in(found))


def sha256_in(answer: Mapping[str, Any]) -> str:
    """Return the hash that the sender noted in the object's metadata; empty if there is none."""
    sha256 = str(answer.get("Metadata", {}).get(HASH, ""))
    return sha256 if _SHA256.fullmatch(sha256) else ""


def write_list(storage: Storage, target: Target, files: FileList, *, before: str) -> FileList:
    """Write the list in place of the one with the ETag `before` (empty: of none); return it.

    Raises StorageMoved if another one is there. A storage that knows no conditions writes without one.
    """
    condition: dict[str, str] = {"IfMatch": f'"{before}"'} if before else {"IfNoneMatch": "*"}
    data = files.as_bytes()

    def write(condition: Mapping[str, str]) -> Any:
        where = {"Bucket": target.bucket, "Key": target.key(LIST), "ContentType": "application/json"}
        return storage.ask(target, lambda: storage.client.put_object(**where, Body=data, **condition))

    try:
        answer = write(condition)
    except StorageUnable:
        answer = write({})
    except StorageMoved:
        # After a lost answer the list may be ours already.
        now = _list_of(storage, target)
        if now is None or now.as_bytes() != data:
            raise
        return now
    return replace(files, etag=str(answer["ETag"]).strip('"'))


def _list_of(storage: Storage, target: Target) -> FileList | None:
    """Return the list; one that is damaged, or of another program, is none."""

    def get() -> tuple[bytes, str]:
        answer = storage.client.get_object(Bucket=target.bucket, Key=target.key(LIST))
        with answer["Body"] as body:
            return body.read(_MAX_LIST_BYTES + 1), str(answer["ETag"]).strip('"')

    data, etag = storage.ask(target, get)
    try:
        value = read_json(data[:_MAX_LIST_BYTES])
        if value["kind"] != _KIND:
            return None
        files = {str(name): _entry(each) for name, each in value["files"].items()}
        whose, push = str(value.get("dataset", "")), str(value.get("push", ""))
        return FileList(value["complete"] is True, int(value["revision"]), files, whose, push, etag)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        return None


def _entry(value: Mapping[str, Any]) -> RemoteObject:
    entry = RemoteObject(int(value["size"]), str(value["etag"]), str(value[HASH]))
    if entry.size < 0 or not _SHA256.fullmatch(entry.sha256):
        raise ValueError("not a size and a hash")
    return entry
