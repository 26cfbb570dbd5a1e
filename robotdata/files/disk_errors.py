"""Tell the disk's own errors from those of a file's content."""

from __future__ import annotations

import errno

_OF_THE_DISK = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES}


def is_disk_error(number: int | None) -> bool:
    """Whether an error of this number comes from the disk or from its permissions."""
    return number in _OF_THE_DISK
