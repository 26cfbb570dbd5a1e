"""Room on the disk that is given back before the manifest is written, so that it can be written on a full disk."""

from __future__ import annotations

from pathlib import Path

RESERVE = ".reserve"
RESERVE_BYTES = 64 * 1024


def reserve(folder: Path) -> None:
    """Keep room for the manifest of a take that fills the disk."""
    with (folder / RESERVE).open("wb") as file:
        file.write(bytes(RESERVE_BYTES))


def release_reserve(folder: Path) -> None:
    """Give the room back."""
    (folder / RESERVE).unlink(missing_ok=True)
