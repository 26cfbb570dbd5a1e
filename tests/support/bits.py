"""Bits that turn in files, where nothing else says that anything happened."""

from __future__ import annotations

import os
from pathlib import Path


def flip(path: Path, place: int, bit: int = 0) -> None:
    """Turn one bit as a disk would: size and time stay."""
    state = path.stat()
    with path.open("r+b") as file:
        file.seek(place)
        value = file.read(1)[0]
        file.seek(place)
        file.write(bytes([value ^ (1 << bit)]))
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
