"""SpoolError            whatever the spool cannot do
├─ NoTake            there is no take in this folder
├─ BadManifest       take.json is not one, or of a newer version
├─ TakeBusy          another process is recording or changing this take
├─ TornPacket        a frame's bytes are not what was written
├─ TornRows          rows.arrow is damaged
├─ DamagedHeader     rows.arrow does not begin as a take's rows do
├─ OtherRows         rows.arrow has other columns than take.json says
├─ NewerFile         a newer program wrote a file of it
├─ UnusableTake      its files say what no recorder writes
├─ CurationError     a verdict, label, rating or trim that does not exist
└─ SpoolFull         the disk took no more; what was written before is whole
"""

from __future__ import annotations

import errno
from pathlib import Path

_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}


class SpoolError(Exception):
    """Whatever the spool cannot do; the message says what, where and what to do next."""


class NoTake(SpoolError):
    def __init__(self, folder: Path) -> None:
        super().__init__(f"there is no take in {folder}: it has no take.json")


class BadManifest(SpoolError):
    def __init__(self, folder: Path, why: str) -> None:
        super().__init__(f"take {folder.name}: take.json {why}; its frames and rows are untouched")


class TakeBusy(SpoolError):
    def __init__(self, folder: Path, holder: str) -> None:
        super().__init__(f"take {folder.name} is in use by {holder}; try again when it has ended")


class TornPacket(SpoolError):
    def __init__(self, path: Path, index: int, why: str) -> None:
        super().__init__(f"{path.parent.name}/{path.name}: frame {index} is damaged ({why})")
        self.index = index


class TornRows(SpoolError):
    def __init__(self, path: Path, whole_rows: int) -> None:
        super().__init__(f"{path.parent.name}/{path.name} is damaged after row {whole_rows}; recover the take")
        self.whole_rows = whole_rows


class DamagedHeader(SpoolError):
    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path.parent.name}/{path.name} has a damaged header: {why}; recover the take")


class OtherRows(SpoolError):
    def __init__(self, path: Path, column: str) -> None:
        super().__init__(
            f"{path.parent.name}/{path.name} has no column {column!r} as take.json describes it: "
            "one of the two files belongs to another take"
        )


class NewerFile(SpoolError):
    """A file of a take that a newer program wrote."""

    def __init__(self, folder: Path, why: ValueError) -> None:
        super().__init__(f"take {folder.name}: {why}; its files are left as they are")


class UnusableTake(SpoolError):
    """An error that nobody foresaw, at a take whose files hold what no recorder writes."""

    def __init__(self, folder: Path, error: Exception) -> None:
        super().__init__(
            f"take {folder.name} cannot be used: its files are invalid "
            f"({type(error).__name__}: {str(error)[:200]}); they were not changed"
        )


class CurationError(SpoolError):
    pass


class SpoolFull(SpoolError):
    def __init__(self, folder: Path, kept_ticks: int, why: str) -> None:
        super().__init__(
            f"disk full on {folder.parent}: {why}; take {folder.name} is kept up to frame {kept_ticks}. "
            "Free some space, then continue recording"
        )
        self.kept_ticks = kept_ticks


def spool_broken(folder: Path, kept_ticks: int, error: OSError) -> SpoolError:
    """Return the error for a disk that failed or is not writable."""
    kept = f"; it is kept up to frame {kept_ticks}, and closed once that can be written" if kept_ticks else ""
    cure = ". Make the folder writable, then continue recording" if error.errno in _DENIED else ""
    return SpoolError(f"cannot write take {folder.name} in {folder.parent}: {error}{kept}{cure}")
