"""Send one file to object storage: a small one at once, a large one in parts, which a later run finds again.

A large file takes the place of an older one only with the request that joins its parts. So what readers see changes at
the end, in a few requests, and not while gigabytes are on their way.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from robotdata.dataset.exchange.contents import OWN_FOLDERS, OwnFile
from robotdata.dataset.exchange.progress import Tally
from robotdata.dataset.exchange.zip_plan import ChangedMeanwhile
from robotdata.dataset.storage.client import Storage
from robotdata.dataset.storage.errors import StorageMoved, StorageRefused
from robotdata.dataset.storage.names import Target
from robotdata.dataset.storage.paging import pages
from robotdata.dataset.storage.place import HASH, RemoteObject, head_of

PART_BYTES = 8 << 20
"""A part has at least 5 MiB, except the last one, and all others have the same size: storages insist on both."""
_MOST_PARTS = 9000
_MIB = 1 << 20

Finish = Callable[[], RemoteObject]
"""Put the file where readers see it."""
_NEXT_UPLOADS = {"KeyMarker": "NextKeyMarker", "UploadIdMarker": "NextUploadIdMarker"}
_LEFT_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Begun:
    """An upload in parts that was begun and not ended: its id, and when it began."""

    id: str
    at: datetime

    @property
    def is_left(self) -> bool:
        """Whether nobody will end it: a push that runs does not take so long for one file."""
        return datetime.now(UTC) - self.at > _LEFT_AFTER


Uploads = dict[str, list[Begun]]
"""Uploads that were begun and not ended, of this program and of others, by key, newest first."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends files to one place. `begun` are the uploads of earlier runs; one that is used is taken out."""

    storage: Storage
    target: Target
    tally: Tally
    begun: Uploads

    def prepare(self, file: OwnFile, *, staged: bool) -> Finish:
        """Send the parts of a large file, and a small one as its only part if it is `staged`; return what ends it.

        Raises StorageError, ChangedMeanwhile and OSError.
        """
        file.check()
        in_parts = file.size > PART_BYTES or (staged and file.size > 0)
        return self._in_parts(file) if in_parts else lambda: self._at_once(file)

    def _at_once(self, file: OwnFile) -> RemoteObject:
        (data,) = _pieces(file, max(1, file.size))
        where = {**self._where(file), "Metadata": {HASH: file.sha256()}}
        answer = self.storage.ask(
            self.target, lambda: self.storage.client.put_object(**where, Body=data, ContentMD5=_base64(_md5(data)))
        )
        self.tally.at(file.name, file.size)
        return RemoteObject(file.size, _etag(answer), file.sha256())

    def _in_parts(self, file: OwnFile) -> Finish:
        size = part_bytes(file.size)
        upload, there = self._upload_of(file, size)
        parts = []
        for number, data in enumerate(_pieces(file, size), 1):
            md5 = _md5(data)
            etag = there.get(number, "")
            if etag != md5.hex():
                etag = self._send_part(file, upload, number, data, md5)
            parts.append({"PartNumber": number, "ETag": f'"{etag}"'})
            self.tally.at(file.name, min(number * size, file.size))

        def join() -> RemoteObject:
            client, where = self.storage.client, self._where(file)
            joined = {"UploadId": upload, "MultipartUpload": {"Parts": parts}}
            try:
                answer = self.storage.ask(self.target, lambda: client.complete_multipart_upload(**where, **joined))
            except StorageMoved:  # after a lost answer it may be there already
                there = head_of(self.storage, self.target, file.name)
                if not there.is_like(file):
                    raise
                return there
            return RemoteObject(file.size, _etag(answer), file.sha256())

        return join

    def _send_part(self, file: OwnFile, upload: str, number: int, data: bytes, md5: bytes) -> str:
        where = {**self._where(file), "UploadId": upload, "PartNumber": number}
        answer = self.storage.ask(
            self.target, lambda: self.storage.client.upload_part(**where, Body=data, ContentMD5=_base64(md5))
        )
        return _etag(answer)

    def _upload_of(self, file: OwnFile, size: int) -> tuple[str, dict[int, str]]:
        """Return the upload that an earlier run began with this content, and the ETags of its parts; or a new one."""
        client, where = self.storage.client, self._where(file)
        begun = self.begun.get(where["Key"], [])
        for upload in list(begun):  # one of another content may be of somebody who sends it now: it stays
            there = self._parts_of(where, upload.id)
            if there and _is_begun_with(file, size, there):
                begun.remove(upload)
                return upload.id, there
        answer = self.storage.ask(
            self.target, lambda: client.create_multipart_upload(**where, Metadata={HASH: file.sha256()})
        )
        return str(answer["UploadId"]), {}

    def _parts_of(self, where: dict[str, str], upload: str) -> dict[int, str]:
        there: dict[int, str] = {}
        ask = partial(self.storage.client.list_parts, **where, UploadId=upload)
        try:
            for page in pages(self.storage, self.target, ask, "Parts", {"PartNumberMarker": "NextPartNumberMarker"}):
                there |= {int(each["PartNumber"]): _etag(each) for each in page.get("Parts", [])}
        except StorageRefused:  # keys that may not list parts can push, but begin large files again
            return {}
        except StorageMoved:  # whoever began it has ended it
            return {}
        return there

    def remove_left(self) -> None:
        """Remove the parts of uploads of a dataset's files that nobody will end: they cost money. Raises StorageError.

        What began within a day stays: somebody else may be sending it.
        """
        ours = tuple(self.target.key(folder) for folder in OWN_FOLDERS)
        for key, uploads in self.begun.items():
            for upload in uploads:
                if key.startswith(ours) and upload.is_left:
                    self._abort(key, upload.id)

    def _abort(self, key: str, upload: str) -> None:
        where = {"Bucket": self.target.bucket, "Key": key, "UploadId": upload}
        try:
            self.storage.ask(self.target, lambda: self.storage.client.abort_multipart_upload(**where))
        except StorageMoved:
            return  # somebody else has ended it

    def _where(self, file: OwnFile) -> dict[str, str]:
        return {"Bucket": self.target.bucket, "Key": self.target.key(file.name)}


def uploads_begun(storage: Storage, target: Target) -> Uploads:
    """Return the uploads below the folder that were begun and not ended. Raises StorageError."""
    found: list[tuple[str, str, Any]] = []
    ask = partial(storage.client.list_multipart_uploads, Bucket=target.bucket, Prefix=f"{target.folder}/")
    for page in pages(storage, target, ask, "Uploads", _NEXT_UPLOADS):
        found += [(str(each["Key"]), str(each["UploadId"]), each["Initiated"]) for each in page.get("Uploads", [])]
    uploads: Uploads = {}
    for key, upload, begun in sorted(found, key=lambda each: each[2], reverse=True):
        uploads.setdefault(key, []).append(Begun(upload, begun))
    return uploads


def part_bytes(size: int) -> int:
    """Return the size of the parts of a file: more for one that would have too many."""
    return max(PART_BYTES, -(-size // _MOST_PARTS // _MIB) * _MIB)


def _is_begun_with(file: OwnFile, size: int, there: dict[int, str]) -> bool:
    """Return whether every part that is there is one of this file. Then the hash that was noted with them is, too."""
    last = max(there)
    for number, data in enumerate(_pieces(file, size, checked=False), 1):
        if number in there and there[number] != _md5(data).hex():
            return False
        if number >= last:
            return True
    return False


def _pieces(file: OwnFile, size: int, *, checked: bool = True) -> Iterator[bytes]:
    """Yield the file's content. Raises ChangedMeanwhile if it was cut; StorageRefused at the end if it is damaged."""
    whole = hashlib.sha256()
    with file.sent.path.open("rb") as opened:
        rest = file.size
        while True:
            data = opened.read(min(size, rest))
            if len(data) < min(size, rest):
                raise ChangedMeanwhile(f"{file.sent.path} has become shorter meanwhile: begin again")
            whole.update(data)
            rest -= len(data)
            if checked and rest == 0 and whole.hexdigest() != file.sha256():
                file.check()
                raise StorageRefused(
                    f"{file.sent.path} is damaged: it is not what was committed. Revert to an earlier revision, or "
                    "repair the dataset, then push again"
                )
            yield data
            if not rest:
                return


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _etag(answer: Any) -> str:
    return str(answer["ETag"]).strip('"')
