"""Files that are made of an episode at the first request, and kept for a while for the next ones."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from robotdata.numbers import size

_MAX_BYTES = 1 << 30
_DAY_S = 24 * 3600


def kept_file(
    root: Path, key: str, kind: str, make: Callable[[Path], None], *, needs: Callable[[], int] | None = None
) -> Path:
    """Return the file of this `key` in the folder `root`; `make` writes it if no earlier call has.

    It appears complete or not at all. The files that were used longest ago go. `needs` returns about how many
    bytes it will have; as many must stay free. Raises what `make` and `needs` raise, and OSError.
    """
    path = root / f"{hashlib.blake2s(key.encode(), digest_size=12).hexdigest()}.{kind}"
    with contextlib.suppress(FileNotFoundError):
        os.utime(path)
        return path
    root.mkdir(parents=True, exist_ok=True)
    if needs is not None:
        _check_space(root, needs())
    part = root / f".{secrets.token_hex(6)}.{kind}"
    try:
        make(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    _shrink(root, keep=path)
    return path


def _check_space(root: Path, needs: int) -> None:
    """Raise OSError if the file would leave less free than it takes: a recording may need it."""
    free = shutil.disk_usage(root).free
    if free < 2 * needs:
        raise OSError(errno.ENOSPC, f"it takes about {size(needs)}, and {size(free)} are free")


def _shrink(root: Path, keep: Path) -> None:
    """Delete the files that were used longest ago, except `keep`, until at most _MAX_BYTES are left.

    Other requests write their files meanwhile, with a dot in front; such a file goes if its process left it a day ago.
    """
    files = []
    for path in root.iterdir():
        with contextlib.suppress(FileNotFoundError):
            stat = path.stat()
            if not path.name.startswith("."):
                files.append((stat.st_mtime, stat.st_size, path))
            elif time.time() - stat.st_mtime > _DAY_S:
                path.unlink()
    used = 0
    for _, length, path in sorted(files, reverse=True):
        used += length
        if used > _MAX_BYTES and path != keep:
            path.unlink(missing_ok=True)
