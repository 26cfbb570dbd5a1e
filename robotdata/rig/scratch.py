"""The folder of test recordings: beside the takes on the same disk, but hidden, never listed, and never kept."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from robotdata.capture import clock

log = logging.getLogger(__name__)
PROBE = "speed"
_BLOCK = bytes(1 << 20)
_MOST_BLOCKS, _PROBE_S = 32, 1.0


def scratch_of(spool: Path, rig: str) -> Path:
    """Return the folder of the rig's test recordings; its name is none that a take can have."""
    return spool / f".preflight-{rig}"


def throw_away(folder: Path) -> str:
    """Delete a test recording; return why that failed, or an empty text."""
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return ""
    except OSError as error:
        log.error("cannot delete the test recording %s: %s", folder, error)
        return error.strerror or str(error)
    return ""


def remove_if_empty(folder: Path) -> None:
    """Remove the folder of test recordings if none is in it."""
    with contextlib.suppress(OSError):
        folder.rmdir()


def sweep_scratch(spool: Path, rig: str) -> None:
    """Delete what a killed process of this rig has left. Call it only while the rig's lock is held."""
    throw_away(scratch_of(spool, rig))


def size_of(paths: Iterable[Path]) -> int:
    """Return the bytes in these files; one that cannot be read counts as empty."""
    size = 0
    for path in paths:
        try:
            size += path.stat().st_size
        except OSError:
            continue
    return size


@dataclass(frozen=True, slots=True)
class DiskSpeed:
    """How fast a disk took so many bytes, until they were durable."""

    written: int
    seconds: float

    @property
    def bytes_per_s(self) -> float:
        """Return the speed."""
        return self.written / max(self.seconds, 1e-6)


def measure_disk(folder: Path, room: int) -> DiskSpeed:
    """Write up to 32 MiB, at most a quarter of `room` bytes, for about a second, and make them durable.

    Raises OSError.
    """
    blocks = max(1, min(_MOST_BLOCKS, room // 4 // len(_BLOCK)))
    began, written = clock.monotonic(), 0
    fd = os.open(folder / PROBE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        while written < blocks * len(_BLOCK) and clock.monotonic() - began < _PROBE_S:
            written += os.write(fd, _BLOCK)
        os.fsync(fd)
    finally:
        os.close(fd)
    return DiskSpeed(written, clock.monotonic() - began)
