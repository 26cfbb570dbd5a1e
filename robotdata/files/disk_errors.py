"""Distinguish errors of the disk from errors in a file's content."""

from __future__ import annotations

import errno

_DISK_ERRORS = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES}


def is_disk_error(number: int | None) -> bool:
    """Return whether an errno means that the disk is full, failing, read-only or not writable for this user."""
    return number in _DISK_ERRORS
