"""Whether every byte of a finished take is what was written: read whole, so asked for, never done at each start."""

from __future__ import annotations

from pathlib import Path

from robotdata.spool.errors import SpoolError, TornPacket
from robotdata.spool.index import read_index
from robotdata.spool.manifest import ROWS
from robotdata.spool.rows import read_rows
from robotdata.spool.take import CameraTrack, Take


def damage_of(folder: Path) -> list[str]:
    """Return a message for each damaged file of the take; empty if there is none. Raises SpoolError, OSError."""
    found: list[str] = []
    with Take.open(folder) as take:
        try:
            _ = take.rows
            read_rows(folder / ROWS)
        except SpoolError as error:
            found.append(str(error))
        for key in take.cameras:
            torn = int((~read_index(folder / f"{key}.idx")[1]).sum())
            if torn:
                found.append(f"{key}.idx: {torn} records are damaged; earlier frames are shown instead")
            try:
                found += _damaged_pictures(take.camera(key), f"{key}.mkv")
            except SpoolError as error:
                found.append(str(error))
    return found


def _damaged_pictures(track: CameraTrack, name: str) -> list[str]:
    bad = []
    for number in range(track.count):
        try:
            track.packet(number)
        except TornPacket:
            bad.append(number)
    return [f"{name}: {len(bad)} of {track.count} frames are damaged, the first is {bad[0]}"] if bad else []
