"""Verify every byte of a finished take. This reads all of its files, so it runs on request only, not at each start."""

from __future__ import annotations

from pathlib import Path

from robotdata.spool.errors import SpoolError, TornPacket
from robotdata.spool.index import read_index
from robotdata.spool.manifest import ROWS
from robotdata.spool.rows import read_rows
from robotdata.spool.take import CameraTrack, Take


def find_damage(folder: Path) -> list[str]:
    """Return a message for each damaged file of the take; empty if all are intact. Raises SpoolError, OSError."""
    messages: list[str] = []
    with Take.open(folder) as take:
        try:
            _ = take.rows
            read_rows(folder / ROWS)
        except SpoolError as error:
            messages.append(str(error))
        for key in take.cameras:
            torn = int((~read_index(folder / f"{key}.idx")[1]).sum())
            if torn:
                messages.append(f"{key}.idx: {torn} records are damaged; earlier frames are shown instead")
            try:
                messages += _damaged_frames(take.camera(key), f"{key}.mkv")
            except SpoolError as error:
                messages.append(str(error))
    return messages


def _damaged_frames(track: CameraTrack, name: str) -> list[str]:
    damaged = []
    for index in range(track.count):
        try:
            track.packet(index)
        except TornPacket:
            damaged.append(index)
    if not damaged:
        return []
    return [f"{name}: {len(damaged)} of {track.count} frames are damaged, the first is {damaged[0]}"]
