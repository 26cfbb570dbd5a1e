"""Check the table of contents of a foreign zip file before anything is unpacked.

A name may not lead out of the folder, two entries may not have the same name or the same bytes, and the sizes that the
entries state are bounded. While an entry is unpacked, `zipfile` reads at most the size that it states.

An entry may have two names: `orig_filename`, and `filename`, which zipfile takes from an extra field (0x7075) since
Python 3.12. Both are checked; `filename` is the one that is unpacked.
"""

from __future__ import annotations

import stat
import struct
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from robotdata.dataset.exchange.errors import BadZip

_END, _END64, _LOCATOR = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_END_BYTES, _END64_BYTES, _LOCATOR_BYTES = 22, 56, 20
_COMMENT_BYTES = 65_535
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_ENCRYPTED = 0x1
_NAME_BYTES, _PATH_BYTES = 255, 2000
_IGNORED = {"__MACOSX", ".DS_Store", "Thumbs.db"}


@dataclass(frozen=True, slots=True)
class ZipLimits:
    """Bounds of a zip file. Unpacked, it may have `ratio` times its own size, and always `small_bytes`."""

    entries: int = 200_000
    directory_bytes: int = 64 << 20
    total_bytes: int = 4 << 40
    small_bytes: int = 256 << 20
    ratio: int = 100


def read_directory(file: zipfile.ZipFile, size: int, limits: ZipLimits) -> list[zipfile.ZipInfo]:
    """Return the files in the zip file of `size` bytes, in their order in it. Raises BadZip.

    Folders and what operating systems add are left out.
    """
    infos = file.infolist()
    if len(infos) > limits.entries:
        raise BadZip(f"it has {len(infos):,} entries; at most {limits.entries:,} are unpacked. Send a smaller part")
    for info in infos:
        _check_entry(info)
    files = [info for info in infos if not info.is_dir() and _IGNORED.isdisjoint(info.filename.split("/"))]
    _check_names(files)
    _check_overlaps(infos)
    total = sum(info.file_size for info in files)
    allowed = min(limits.total_bytes, max(limits.small_bytes, limits.ratio * size))
    if total > allowed:
        raise BadZip(
            f"unpacked it would have {total:,} bytes, from {size:,}; at most {allowed:,} are unpacked, because data of "
            "robots is never so small. Add the dataset as a folder instead"
        )
    return sorted(files, key=lambda info: info.header_offset)


def check_end(path: Path, limits: ZipLimits) -> None:
    """Raise BadZip if the file does not end like a zip file, or if its table of contents is too large to read."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - _END_BYTES - _COMMENT_BYTES - _END64_BYTES - _LOCATOR_BYTES))
        tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_BYTES:
        raise BadZip("it is not a zip file, or its end is missing: copy or download it again")
    directory = struct.unpack_from("<I", tail, at + 12)[0]
    locator = at - _LOCATOR_BYTES
    if locator >= _END64_BYTES and tail.startswith(_LOCATOR, locator) and tail.rfind(_END64, 0, locator) >= 0:
        directory = struct.unpack_from("<Q", tail, tail.rfind(_END64, 0, locator) + 40)[0]
    if directory > limits.directory_bytes:
        raise BadZip(f"its table of contents has {directory:,} bytes; at most {limits.directory_bytes:,} are read")


def _check_entry(info: zipfile.ZipInfo) -> None:
    for name in (info.orig_filename, info.filename):
        _check_name(name)
    shown, mode = repr(info.filename[:100]), info.external_attr >> 16
    if stat.S_IFMT(mode) not in {0, stat.S_IFREG, stat.S_IFDIR}:
        what = "a symbolic link" if stat.S_ISLNK(mode) else "no regular file"
        raise BadZip(f"its entry {shown} is {what}. Pack the files themselves (zip without -y)")
    if info.flag_bits & _ENCRYPTED:
        raise BadZip(f"its entry {shown} is encrypted. Pack it without a password")
    if info.compress_type not in _METHODS:
        raise BadZip(f"its entry {shown} is compressed by method {info.compress_type}. Pack it with stored or deflate")


def _check_name(name: str) -> None:
    shown = repr(name[:100])
    parts = name.removesuffix("/").split("/")
    if name.startswith("/") or "\\" in name or ":" in parts[0] or any(part in {"", ".", ".."} for part in parts):
        raise BadZip(f"its entry {shown} leads out of the folder, so nothing was unpacked. Pack the dataset again")
    if not name.isprintable() or len(name.encode("utf-8", "replace")) > _PATH_BYTES:
        raise BadZip(f"its entry {shown} has a name that no file can have. Pack the dataset again")
    if any(len(part.encode("utf-8", "replace")) > _NAME_BYTES for part in parts):
        raise BadZip(f"its entry {shown} has a name that is too long for a file. Pack the dataset again")


def _check_names(files: Iterable[zipfile.ZipInfo]) -> None:
    """Raise BadZip if two files have one name, or if one is a folder of another."""
    names: set[str] = set()
    folders: set[str] = set()
    for info in files:
        if info.filename in names:
            raise BadZip(f"it has two entries {info.filename[:100]!r}. Pack the dataset again")
        names.add(info.filename)
        parts = info.filename.split("/")
        folders.update("/".join(parts[:depth]) for depth in range(1, len(parts)))
    if both := names & folders:
        raise BadZip(f"its entry {min(both)[:100]!r} is both a file and a folder. Pack the dataset again")


def _check_overlaps(infos: Iterable[zipfile.ZipInfo]) -> None:
    """Raise BadZip if two entries share bytes, which multiplies a small file."""
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise BadZip(f"its entry {info.filename[:100]!r} has the bytes of another one. Pack the dataset again")
        end = info.header_offset + info.compress_size
