"""Where a dataset is in object storage: `s3://bucket/folder`."""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from robotdata.dataset.storage.errors import StorageRefused

SCHEME = "s3://"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_FOLDER_BYTES = 500
_ADDRESS_LENGTH = 300


@dataclass(frozen=True, slots=True)
class Target:
    """A bucket and a folder in it, the path of the dataset's files without a slash at its ends."""

    bucket: str
    folder: str

    @property
    def name(self) -> str:
        """The last part of the folder: a dataset that is fetched gets this name."""
        return self.folder.rpartition("/")[2]

    def key(self, name: str) -> str:
        """Return the key of the file with this relative path."""
        return f"{self.folder}/{name}"

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.folder}"


def is_target(text: str) -> bool:
    """Return whether a person means object storage, and not a repository or a path."""
    return text.strip().lower().startswith(SCHEME)


def parse_target(text: str) -> Target:
    """Return the place that `text` names. Raises StorageRefused."""
    clean = text.strip()
    bucket, _, folder = clean[len(SCHEME) :].partition("/")
    folder = folder.rstrip("/")
    parts = folder.split("/")
    wrong = not is_target(clean) or not _BUCKET.fullmatch(bucket) or ".." in bucket
    wrong |= any(part in {"", ".", ".."} for part in parts) or not folder.isprintable() or "\\" in folder
    if wrong or len(folder.encode()) > _FOLDER_BYTES:
        shown = clean if len(clean) <= 100 else clean[:100] + "..."
        raise StorageRefused(
            f"{shown!r} is not a folder of a bucket: write s3://bucket/folder, the bucket in small letters, digits, "
            "'-' and '.'"
        )
    return Target(bucket, folder)


def _is_link_local(host: str) -> bool:
    """Return whether it is an address of 169.254.0.0/16 or fe80::/10, in any of the ways in which systems read one."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        try:
            address = ipaddress.ip_address(socket.inet_aton(host))  # as 0xa9fea9fe, 2852039166 or 169.254.43518
        except (OSError, UnicodeError):
            return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_link_local)


def parse_endpoint(text: str) -> str:
    """Return the address of a storage, as `https://minio.lab:9000`; empty for AWS. Raises StorageRefused.

    An address with a user, a password or a query is refused: keys belong elsewhere. So is a link-local one: there,
    machines in a cloud tell the keys of the machine to whoever asks.
    """
    clean = text.strip().rstrip("/")
    if not clean:
        return ""
    try:
        parts = urlsplit(clean)
        plain = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        plain = False
    if not plain or parts.query or parts.fragment or "@" in parts.netloc or not clean.isprintable() or " " in clean:
        raise StorageRefused(
            "That is not an address of a storage: write it as https://minio.lab:9000, without keys in it"
        )
    if _is_link_local(parts.hostname or ""):
        raise StorageRefused("A storage has no link-local address (169.254.x.x, fe80::): write its name or its address")
    if len(clean) > _ADDRESS_LENGTH:
        raise StorageRefused(f"An address of a storage has at most {_ADDRESS_LENGTH} letters: shorten it")
    return clean
