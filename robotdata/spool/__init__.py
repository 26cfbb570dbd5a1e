"""Takes on disk: write rows and packets that survive a killed process; read them; recover unfinished takes."""

from __future__ import annotations

from robotdata.capture.records import Row
from robotdata.files.errors import NotDurable
from robotdata.spool.errors import (
    BadManifest,
    CurationError,
    NoTake,
    SpoolError,
    SpoolFull,
    TakeBusy,
    TornPacket,
    TornRows,
)
from robotdata.spool.manifest import (
    list_takes,
    new_take_id,
    read_manifest,
    update_curation,
    write_manifest,
)
from robotdata.spool.recovery import Recovery, leftover_files, recover_take
from robotdata.spool.take import CameraTrack, Take
from robotdata.spool.writer import TakeWriter

__all__ = [
    "BadManifest",
    "CameraTrack",
    "CurationError",
    "NoTake",
    "NotDurable",
    "Recovery",
    "Row",
    "SpoolError",
    "SpoolFull",
    "Take",
    "TakeBusy",
    "TakeWriter",
    "TornPacket",
    "TornRows",
    "list_takes",
    "new_take_id",
    "read_manifest",
    "recover_take",
    "leftover_files",
    "update_curation",
    "write_manifest",
]
