"""Remember which takes agreed with their rows, so that a start checks only those that have changed since.

Checking a take reads and compares its whole `take.json`, about 1 ms of processor; recognising it costs two `stat`
calls. What is remembered is only a hint: a take is checked again if its manifest, its folder or its row is another.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from robotdata.capture import clock
from robotdata.files.json_files import replace_json
from robotdata.files.plain_json import read_json
from robotdata.files.versions import check_version
from robotdata.spool.manifest import FILE

log = logging.getLogger(__name__)

VERSION = 1
_SETTLED_NS = 2_000_000_000
"""A manifest that changed more recently than this may change again without a new timestamp."""


class KnownTakes:
    """The takes that agreed with their rows at the last check, by id."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._before = _read(path)
        self._now: dict[str, str] = {}

    def recognise(self, name: str, signature: str) -> bool:
        """Return whether this take agreed with this row, and remember it further if so."""
        if signature and self._before.get(name) == signature:
            self._now[name] = signature
            return True
        return False

    def remember(self, name: str, signature: str) -> None:
        """Remember a take that has just been checked. `signature` is from before the check."""
        if signature:
            self._now[name] = signature

    def save(self) -> None:
        """Write what is remembered, if it has changed. A disk that refuses costs only the time of the next start."""
        if self._now == self._before:
            return
        try:
            replace_json(self._path, {"version": VERSION, "takes": self._now})
        except OSError as error:
            log.warning("Cannot remember which takes are checked: %s", error)


def signature_of(folder: Path, version: datetime) -> str:
    """Return what changes whenever a take's manifest, its folder or its row (`version`: `updated_at`) changes.

    Return "" for a manifest that is missing or changed just now: it must be checked.
    """
    with suppress(OSError):
        manifest, own = (folder / FILE).stat(), folder.stat()
        newest = max(manifest.st_ctime_ns, own.st_ctime_ns)
        if clock.wall_ns() - newest > _SETTLED_NS:
            parts = (manifest.st_ino, manifest.st_size, manifest.st_mtime_ns, newest, own.st_mtime_ns)
            return f"{'-'.join(map(str, parts))} {version.isoformat()}"
    return ""


def _read(path: Path) -> dict[str, str]:
    """Return what the file remembers; nothing if it is missing, damaged or newer."""
    with suppress(OSError, ValueError):
        value = read_json(path.read_bytes())
        if isinstance(value, dict):
            check_version(value.get("version"), VERSION, path.name)
            takes = value.get("takes")
            if isinstance(takes, dict) and all(isinstance(each, str) for each in takes.values()):
                return takes
    return {}
