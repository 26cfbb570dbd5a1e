"""Read files of other recorders, and write what they hold as takes: the same files that a rig writes."""

from __future__ import annotations

from robotdata.imports.errors import BadMapping, BadSource, ImportsError, MisfitMapping, MissingPackage
from robotdata.imports.mapping import Mapping
from robotdata.imports.open import open_source
from robotdata.imports.plan import Plan, make_plan
from robotdata.imports.propose import propose
from robotdata.imports.streams import Kind, Message, Recording, Source, Stream
from robotdata.imports.take import Imported, import_recording

__all__ = [
    "BadMapping",
    "BadSource",
    "Imported",
    "ImportsError",
    "Kind",
    "Mapping",
    "Message",
    "MisfitMapping",
    "MissingPackage",
    "Plan",
    "Recording",
    "Source",
    "Stream",
    "import_recording",
    "make_plan",
    "open_source",
    "propose",
]
