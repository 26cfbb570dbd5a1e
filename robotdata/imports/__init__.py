"""Read files of other recorders, and write what they hold as takes: the same files that a rig writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from robotdata.files.lazy_names import import_on_use

if TYPE_CHECKING:
    from robotdata.imports.errors import BadMapping, BadSource, ImportsError, MisfitMapping, MissingPackage
    from robotdata.imports.mapping import Mapping
    from robotdata.imports.open import open_source
    from robotdata.imports.plan import Plan, make_plan
    from robotdata.imports.proposing import propose
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

_NAMES_BY_MODULE = {
    "imports.errors": ["BadMapping", "BadSource", "ImportsError", "MisfitMapping", "MissingPackage"],
    "imports.mapping": ["Mapping"],
    "imports.open": ["open_source"],
    "imports.plan": ["Plan", "make_plan"],
    "imports.proposing": ["propose"],
    "imports.streams": ["Kind", "Message", "Recording", "Source", "Stream"],
    "imports.take": ["Imported", "import_recording"],
}
_MODULE_OF = {name: f"robotdata.{module}" for module, names in _NAMES_BY_MODULE.items() for name in names}
__getattr__ = import_on_use(__name__, _MODULE_OF)


def __dir__() -> list[str]:
    return __all__
