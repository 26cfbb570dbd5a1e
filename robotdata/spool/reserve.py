"""Reserve disk space for a take's manifest, so that it can be written after the take has filled the disk."""

from __future__ import annotations

from pathlib import Path

RESERVE = ".reserve"
RESERVE_BYTES = 64 * 1024


def reserve(folder: Path) -> None:
    """Write a file of RESERVE_BYTES to the take's folder. Raises OSError."""
    with (folder / RESERVE).open("wb") as file:
        file.write(bytes(RESERVE_BYTES))


def release_reserve(folder: Path) -> None:
    """Delete that file, just before the manifest is written; do nothing if it is gone."""
    (folder / RESERVE).unlink(missing_ok=True)
