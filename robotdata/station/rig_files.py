"""The rig files of a station: `NAME.toml` in one folder, and which of the rigs shall run, in `station.json`."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

from robotdata.capture.options import NAME
from robotdata.files.beneath import open_own
from robotdata.files.errors import NotDurable
from robotdata.files.json_files import replace_json
from robotdata.files.plain_json import read_json
from robotdata.files.replace import replace_bytes
from robotdata.files.sync import sync_path
from robotdata.files.versions import check_version
from robotdata.station.errors import AskRefused
from robotdata.station.protocol import MAX_RIGS
from robotdata.station.rig_text import MAX_BYTES, RigText, describe, read_rig_text

log = logging.getLogger(__name__)
SUFFIX = ".toml"
REMOVED = "removed"
MEMORY = "station.json"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class RigFile:
    """One rig file; `problem` says why it cannot be used, or is empty."""

    name: str
    data: bytes
    parsed: RigText
    problem: str

    @property
    def text(self) -> str:
        """Return the file as text; bytes that are not UTF-8 are shown as such."""
        return self.data.decode("utf-8", "backslashreplace")

    @property
    def version(self) -> str:
        """Return a hash of the content."""
        return hashlib.sha256(self.data).hexdigest()


class RigFiles:
    """The rig files in `folder`, which is created. One station uses a folder at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # an address of a camera may hold its password
        self._read: dict[str, tuple[tuple[int, ...], RigFile]] = {}
        self._skipped: set[str] = set()

    def path(self, name: str) -> Path:
        """Return the path of a rig's file. Raises AskRefused for a name that no rig can have."""
        if not NAME.fullmatch(name):
            raise AskRefused("bad_args", f"name: want 1 to 48 letters, digits, _ or -, got {name!r:.60}")
        return self.folder / f"{name}{SUFFIX}"

    def names(self) -> list[str]:
        """Return the names of the rigs that have a file, at most MAX_RIGS. Files that cannot be used are logged."""
        stems = sorted(path.stem for path in self.folder.glob(f"*{SUFFIX}") if not path.name.startswith("."))
        usable = [stem for stem in stems if NAME.fullmatch(stem)]
        for stem in sorted({*stems} - {*usable[:MAX_RIGS]} - self._skipped):
            self._skipped.add(stem)
            reason = f"a station keeps {MAX_RIGS} rigs" if stem in usable else "want letters, digits, _ or - as name"
            log.warning("%s is not used: %s", self.folder / f"{stem}{SUFFIX}", reason)
        return usable[:MAX_RIGS]

    def all(self) -> list[RigFile]:
        """Return every rig file. One that has not changed since is not read again."""
        files = []
        for name in self.names():
            try:
                files.append(self._current(name))
            except AskRefused:  # it was removed meanwhile
                self._read.pop(name, None)
        return files

    def read(self, name: str) -> RigFile:
        """Return a rig's file. Raises AskRefused(unknown_rig) if there is none."""
        return self._current(name)

    def write(self, name: str, text: str, version: str | None) -> RigFile:
        """Replace a rig's file that has this version, or create it (None). Raises AskRefused."""
        path = self.path(name)
        if version is None:
            self._check_is_new(name)
        else:
            current = self.read(name)
            if current.version != version:
                raise AskRefused(
                    "changed", f"{path} was changed meanwhile: open it again, and repeat your change there"
                )
        parsed = read_rig_text(text, name)
        if parsed.errors:
            raise AskRefused("invalid", f"{path.name}: {describe(parsed.errors[0])}", parsed.errors)
        data = text.encode()
        try:
            replace_bytes(path, data)
        except NotDurable as error:
            log.warning("%s", error)
        except OSError as error:
            raise AskRefused("disk", f"{path} cannot be written ({error.strerror}); it is unchanged") from error
        return RigFile(name, data, parsed, "")

    def remove(self, name: str) -> Path:
        """Move a rig's file into the folder `removed`, under a free name, and return its path. Raises AskRefused."""
        path = self.path(name)
        folder = self.folder / REMOVED
        try:
            folder.mkdir(exist_ok=True)
            number, kept = 1, folder / path.name
            while kept.exists() or kept.is_symlink():
                number += 1
                kept = folder / f"{name}-{number}{SUFFIX}"
            path.rename(kept)
            sync_path(folder)
            sync_path(self.folder)
        except FileNotFoundError:
            raise _unknown(name) from None
        except OSError as error:
            raise AskRefused("disk", f"{path} cannot be moved to {folder} ({error.strerror})") from error
        return kept

    def wanted(self) -> set[str]:
        """Return the names of the rigs that shall run. A memory that cannot be read is logged; then no rig shall."""
        path = self.folder / MEMORY
        try:
            with open_own(path) as file:
                memory = read_json(file.read(MAX_BYTES))
            check_version(memory.get("version"), _VERSION, path.name)
            return {name for name in memory["running"] if isinstance(name, str) and NAME.fullmatch(name)}
        except FileNotFoundError:
            return set()
        except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
            log.warning("%s cannot be read (%s): start the rigs on the page", path, error)
            return set()

    def want(self, names: set[str]) -> None:
        """Remember which rigs shall run; log it if that fails."""
        try:
            replace_json(self.folder / MEMORY, {"version": _VERSION, "running": sorted(names)})
        except OSError as error:
            log.warning("%s: which rigs shall run is not remembered: %s", self.folder / MEMORY, error)

    def _check_is_new(self, name: str) -> None:
        path, names = self.path(name), self.names()
        taken = next((other for other in names if other.casefold() == name.casefold()), None)
        if taken is not None or path.exists() or path.is_symlink():
            raise AskRefused("exists", f"there is a rig {taken or name!r} already: choose another name")
        if len(names) >= MAX_RIGS:
            raise AskRefused("too_many", f"this station has {MAX_RIGS} rigs, the most it keeps: remove one first")

    def _current(self, name: str) -> RigFile:
        path = self.path(name)
        try:
            status = path.stat()
            seen = (status.st_mtime_ns, status.st_size, status.st_ino)
            known = self._read.get(name)
            if known is not None and known[0] == seen:
                return known[1]
            with open_own(path) as file:
                current = _parsed(name, file.read(MAX_BYTES + 1))
        except FileNotFoundError:
            raise _unknown(name) from None
        except OSError as error:
            return RigFile(name, b"", RigText(), f"{path} cannot be read ({error.strerror})")
        self._read[name] = seen, current
        return current


def _parsed(name: str, data: bytes) -> RigFile:
    try:
        parsed = read_rig_text(data.decode(), name)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        parsed = RigText(errors=[{"line": line, "key": "", "message": "is not UTF-8 text; save the file as UTF-8"}])
    problem = f"{name}{SUFFIX}: {describe(parsed.errors[0])}" if parsed.errors else ""
    return RigFile(name, data, parsed, problem)


def _unknown(name: str) -> AskRefused:
    return AskRefused("unknown_rig", f"this station has no rig {name!r}: it was removed, or has another name now")
