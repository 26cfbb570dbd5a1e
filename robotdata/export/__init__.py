"""Export one take as one dataset episode: choose the frame of each row, encode the cameras, collect the columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from robotdata.files.lazy_names import import_on_use

if TYPE_CHECKING:
    from robotdata.export.actions import action_column
    from robotdata.export.encode import EncodedCamera, encode_camera, load_encoded, source_of
    from robotdata.export.episode import new_episode
    from robotdata.export.errors import EncodedBroken, ExportError, ExportRefused
    from robotdata.export.plan import ExportPlan, measured_rate, packets_of, plan_take

__all__ = [
    "EncodedBroken",
    "EncodedCamera",
    "ExportError",
    "ExportPlan",
    "ExportRefused",
    "action_column",
    "encode_camera",
    "load_encoded",
    "measured_rate",
    "new_episode",
    "packets_of",
    "plan_take",
    "source_of",
]

_NAMES_BY_MODULE = {
    "export.actions": ["action_column"],
    "export.encode": ["EncodedCamera", "encode_camera", "load_encoded", "source_of"],
    "export.episode": ["new_episode"],
    "export.errors": ["EncodedBroken", "ExportError", "ExportRefused"],
    "export.plan": ["ExportPlan", "measured_rate", "packets_of", "plan_take"],
}
_MODULE_OF = {name: f"robotdata.{module}" for module, names in _NAMES_BY_MODULE.items() for name in names}
__getattr__ = import_on_use(__name__, _MODULE_OF)


def __dir__() -> list[str]:
    return __all__
