"""Errors of files that the system does not have.

NotDurable an OSError: the new content is in place but may be lost in a power cut FileLocked another process holds the
lock; `holder` names it OutputExists a FileExistsError: the output exists already
"""

from __future__ import annotations

from pathlib import Path


class NotDurable(OSError):
    """The file has its new content, but the fsync of its folder failed.

    After a power cut it may have its old content.
    """

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(error.errno, error.strerror, str(path))


class FileLocked(Exception):
    """Another process holds the lock; `holder` names it."""

    def __init__(self, holder: str) -> None:
        super().__init__(f"locked by {holder}")
        self.holder = holder


class OutputExists(FileExistsError):
    """A file or folder exists where a new file was to be written. It was not changed."""
