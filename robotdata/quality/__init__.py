"""Measure recorded takes and derive quality marks: what is wrong, where, and how severe. Needs numpy, not Django."""

from __future__ import annotations

from typing import TYPE_CHECKING

from robotdata.files.lazy_names import import_on_use

if TYPE_CHECKING:
    from robotdata.quality.errors import BadInput, BadMetrics, BadThresholds, QualityError
    from robotdata.quality.inputs import CameraInput, SignalInput, TakeInput
    from robotdata.quality.mark import Mark
    from robotdata.quality.marks import marks_of
    from robotdata.quality.measuring import measure, take_metrics
    from robotdata.quality.metrics import TakeMetrics
    from robotdata.quality.peers import Peers
    from robotdata.quality.thresholds import DEFAULT, Thresholds

__all__ = [
    "DEFAULT",
    "BadInput",
    "BadMetrics",
    "BadThresholds",
    "CameraInput",
    "Mark",
    "Peers",
    "QualityError",
    "SignalInput",
    "TakeInput",
    "TakeMetrics",
    "Thresholds",
    "marks_of",
    "measure",
    "take_metrics",
]

_NAMES_BY_MODULE = {
    "quality.errors": ["BadInput", "BadMetrics", "BadThresholds", "QualityError"],
    "quality.inputs": ["CameraInput", "SignalInput", "TakeInput"],
    "quality.mark": ["Mark"],
    "quality.marks": ["marks_of"],
    "quality.measuring": ["measure", "take_metrics"],
    "quality.metrics": ["TakeMetrics"],
    "quality.peers": ["Peers"],
    "quality.thresholds": ["DEFAULT", "Thresholds"],
}
_MODULE_OF = {name: f"robotdata.{module}" for module, names in _NAMES_BY_MODULE.items() for name in names}
__getattr__ = import_on_use(__name__, _MODULE_OF)


def __dir__() -> list[str]:
    return __all__
