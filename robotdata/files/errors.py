"""What can go wrong with a file beyond what the system says.

NotDurable     an OSError: the file is the new one, its name may not outlive a power cut
FileLocked     another process holds the lock; `holder` says which
OutputExists   a FileExistsError: the output is there already
"""

from __future__ import annotations

from pathlib import Path


class NotDurable(OSError):
    """The file is the new one, though the disk has not confirmed its name: after a power cut it may be the old one."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(error.errno, error.strerror, str(path))


class FileLocked(Exception):
    """Another process holds the lock; `holder` names it."""

    def __init__(self, holder: str) -> None:
        super().__init__(f"locked by {holder}")
        self.holder = holder


class OutputExists(FileExistsError):
    """A file or folder is where a new file was to be; it was left as it is."""
