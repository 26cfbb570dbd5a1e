"""Measure recorded takes and derive quality marks: what is wrong, where, and how severe. Needs numpy, not Django."""

from __future__ import annotations

from robotdata.quality.errors import BadInput, BadMetrics, BadThresholds, QualityError
from robotdata.quality.inputs import CameraInput, SignalInput, TakeInput
from robotdata.quality.mark import Mark
from robotdata.quality.marks import marks_of
from robotdata.quality.measure import measure, take_metrics
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
