"""Takes on disk: write rows and packets that survive a killed process; read them; recover unfinished takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from robotdata.files.lazy_names import import_on_use

if TYPE_CHECKING:
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

_NAMES_BY_MODULE = {
    "capture.records": ["Row"],
    "files.errors": ["NotDurable"],
    "spool.errors": [
        "BadManifest",
        "CurationError",
        "NoTake",
        "SpoolError",
        "SpoolFull",
        "TakeBusy",
        "TornPacket",
        "TornRows",
    ],
    "spool.manifest": ["list_takes", "new_take_id", "read_manifest", "update_curation", "write_manifest"],
    "spool.recovery": ["Recovery", "leftover_files", "recover_take"],
    "spool.take": ["CameraTrack", "Take"],
    "spool.writer": ["TakeWriter"],
}
_MODULE_OF = {name: f"robotdata.{module}" for module, names in _NAMES_BY_MODULE.items() for name in names}
__getattr__ = import_on_use(__name__, _MODULE_OF)


def __dir__() -> list[str]:
    return __all__
