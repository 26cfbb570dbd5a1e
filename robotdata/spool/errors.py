"""SpoolError            base class of the spool's errors
├─ NoTake            the folder contains no take
├─ BadManifest       take.json is invalid, or of a newer version
├─ TakeBusy          another process is recording or changing the take
├─ TornPacket        a frame's bytes differ from what was written
├─ TornRows          rows.arrow is damaged
├─ DamagedHeader     the header of rows.arrow is damaged
├─ OtherRows         rows.arrow has other columns than take.json describes
├─ NewerFile         a newer program wrote a file of the take
├─ UnusableTake      the take's files are invalid in an unexpected way
├─ CurationError     an invalid verdict, label, rating, note, task or trim
└─ SpoolFull         the disk is full; everything written before is complete
"""

from __future__ import annotations

import errno
from pathlib import Path

_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}


class SpoolError(Exception):
    """Base class of the spool's errors; the message says what failed, where, and what to do."""


class NoTake(SpoolError):
    """The folder contains no take."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"there is no take in {folder}: it has no take.json")


class BadManifest(SpoolError):
    """take.json is invalid, or of a newer version; `problem` is the predicate of the message."""

    def __init__(self, folder: Path, problem: str) -> None:
        super().__init__(f"take {folder.name}: take.json {problem}; its frames and rows are untouched")


class TakeBusy(SpoolError):
    """Another process is recording or changing the take."""

    def __init__(self, folder: Path, holder: str) -> None:
        super().__init__(f"take {folder.name} is in use by {holder}; try again when it has ended")


class TornPacket(SpoolError):
    """The bytes of frame `index` differ from what was written."""

    def __init__(self, path: Path, index: int, reason: str) -> None:
        super().__init__(f"{path.parent.name}/{path.name}: frame {index} is damaged ({reason})")
        self.index = index


class TornRows(SpoolError):
    """rows.arrow is damaged after its first `whole_rows` rows."""

    def __init__(self, path: Path, whole_rows: int) -> None:
        super().__init__(f"{path.parent.name}/{path.name} is damaged after row {whole_rows}; recover the take")
        self.whole_rows = whole_rows


class DamagedHeader(SpoolError):
    """The header of rows.arrow is damaged."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path.parent.name}/{path.name} has a damaged header: {reason}; recover the take")


class OtherRows(SpoolError):
    """rows.arrow lacks a column as take.json describes it."""

    def __init__(self, path: Path, column: str) -> None:
        super().__init__(
            f"{path.parent.name}/{path.name} has no column {column!r} as take.json describes it: "
            "one of the two files belongs to another take"
        )


class NewerFile(SpoolError):
    """A newer program wrote a file of the take."""

    def __init__(self, folder: Path, error: ValueError) -> None:
        super().__init__(f"take {folder.name}: {error}; its files are left as they are")


class UnusableTake(SpoolError):
    """An unexpected error in a take whose files are invalid: no recorder writes such files."""

    def __init__(self, folder: Path, error: Exception) -> None:
        super().__init__(
            f"take {folder.name} cannot be used: its files are invalid "
            f"({type(error).__name__}: {str(error)[:200]}); they were not changed"
        )


class CurationError(SpoolError):
    """A verdict, label, rating, note, task or trim is invalid."""


class SpoolFull(SpoolError):
    """The disk is full; the take is kept up to `kept_ticks` ticks."""

    def __init__(self, folder: Path, kept_ticks: int, reason: str) -> None:
        super().__init__(
            f"disk full on {folder.parent}: {reason}; take {folder.name} is kept up to frame {kept_ticks}. "
            "Free some space, then continue recording"
        )
        self.kept_ticks = kept_ticks


def spool_broken(folder: Path, kept_ticks: int, error: OSError) -> SpoolError:
    """Return the error for a disk that failed or is not writable."""
    kept = f"; it is kept up to frame {kept_ticks} and will be closed once the disk is writable" if kept_ticks else ""
    remedy = ". Make the folder writable, then continue recording" if error.errno in _DENIED else ""
    return SpoolError(f"cannot write take {folder.name} in {folder.parent}: {error}{kept}{remedy}")
