"""Fetch a dataset from a folder of a bucket: all of it or some episodes; resumed after an interruption.

What is fetched was noted when it began. Each request names the ETag of its object, so nothing of a later push comes
with it. A file is complete once its hash is the one in the list; in a folder without one, that another program wrote,
the SHA-256 in its metadata, its MD5 where the ETag is one, else its size.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from robotdata.dataset.exchange.contents import OWN_FOLDERS, refuse_other_content
from robotdata.dataset.exchange.fetch import Source, fetch_dataset
from robotdata.dataset.exchange.part_file import open_part
from robotdata.dataset.exchange.watcher import PIECE_BYTES, Watcher
from robotdata.dataset.hashes import digest
from robotdata.dataset.storage.client import Storage
from robotdata.dataset.storage.errors import StorageMoved, StoragePassing, StorageRefused
from robotdata.dataset.storage.names import Target
from robotdata.dataset.storage.place import LIST, Place, RemoteObject, look, sha256_in
from robotdata.files.json_files import replace_json
from robotdata.files.plain_json import read_json

_NOTE = "objects.json"
_MD5 = re.compile(r"[0-9a-f]{32}")


def pull(storage: Storage, target: Target, source: Source, folder: Path, watcher: Watcher) -> Path:
    """Fetch into `folder`, where an earlier run may have left parts; return the folder of the dataset in it.

    Raises StorageError, TransferError if the disk has no room, Cancelled, DatasetError for episodes that cannot be cut
    out, and OSError.
    """
    listed = _objects(storage, target, folder)
    facts: dict[Path, Mapping[str, Any]] = {}  # what the storage said of each object

    def download(path: str, file: RemoteObject, part: Path, watcher: Watcher) -> None:
        where: dict[str, Any] = {"Bucket": target.bucket, "Key": target.key(path), "IfMatch": f'"{file.etag}"'}
        facts[part] = storage.ask(target, lambda: _stream(storage, target, path, file, where, part, watcher))
        if not facts[part] and not file.sha256:  # all of it was there
            facts[part] = storage.ask(target, lambda: storage.client.head_object(**where))

    try:
        return fetch_dataset(source, listed, folder, watcher, download, lambda file, part: _is_right(file, part, facts))
    except StorageMoved as error:
        raise StorageRefused(f"{target} was changed while it was fetched: add it again") from error


def _objects(storage: Storage, target: Target, folder: Path) -> dict[str, RemoteObject]:
    """Return the objects of the dataset: those that an earlier run noted, or those that are there now."""
    note = folder / _NOTE
    if note.is_file():
        return {name: RemoteObject(**each) for name, each in read_json(note.read_bytes()).items()}
    place = _whole_place(storage, target)
    names = place.objects if place.list is None else place.list.files
    objects = {name: place.objects[name] for name in names if name.startswith(OWN_FOLDERS)}
    folder.mkdir(parents=True, exist_ok=True)
    replace_json(note, {name: asdict(each) for name, each in objects.items()})
    return objects


def _whole_place(storage: Storage, target: Target) -> Place:
    """Return the folder, which holds what its list names, if it has one. Raises StorageError and TransferRefused."""
    place = look(storage, target)
    if place.list is not None and place.list.complete and not place.is_whole:
        place = look(storage, target)  # a push may have ended in between
    if place.list is not None and not place.list.complete:
        raise StoragePassing(f"{target} is being written, or that was interrupted: try again once the push has ended")
    if not place.objects:
        raise StorageRefused(f"{target} holds no file: check the bucket and the folder")
    if place.list_etag and place.list is None:
        raise StorageRefused(f"The list {LIST} of {target} cannot be read: push again, or remove it to fetch without")
    if wrong := place.unlike_list():
        raise StorageRefused(
            f"{len(wrong)} of {len(place.list.files) if place.list else 0} files of {target} are missing there or "
            f"differ from its list, first {wrong[0]}: push again"
        )
    refuse_other_content(str(target), place.objects)
    return place


def _is_right(file: RemoteObject, part: Path, facts: Mapping[Path, Mapping[str, Any]]) -> bool:
    said = facts[part]
    if sha256 := file.sha256 or sha256_in(said):
        return digest(part) == sha256
    sealed = str(said.get("ServerSideEncryption") or "").startswith("aws:kms") or said.get("SSECustomerAlgorithm")
    if sealed or not _MD5.fullmatch(
        file.etag
    ):  # the ETag of what is kept encrypted with such keys is none of its content
        return part.stat().st_size == file.size
    with part.open("rb") as opened:
        return hashlib.file_digest(opened, lambda: hashlib.md5(usedforsecurity=False)).hexdigest() == file.etag


def _stream(
    storage: Storage,
    target: Target,
    path: str,
    file: RemoteObject,
    where: Mapping[str, Any],
    part: Path,
    watcher: Watcher,
) -> Mapping[str, Any]:
    """Append to `part` what is missing of it; return what the storage said of it, empty if it was not asked."""
    with open_part(part, file.size, watcher) as opened:
        if opened.is_complete:
            return {}
        answer: dict[str, Any] = storage.client.get_object(**where, **opened.range)
        if opened.at and not str(answer.get("ContentRange", "")).startswith(f"bytes {opened.at}-"):
            opened.restart()
        with answer["Body"] as body:
            if not opened.extend(iter(lambda: body.read(PIECE_BYTES), b"")):
                raise StorageRefused(f"{path} of {target} is longer than the storage states: nothing of it is kept")
    if not opened.is_complete:
        raise StoragePassing(f"{path} of {target} has {opened.at:,} of {file.size:,} bytes: try again")
    return answer
