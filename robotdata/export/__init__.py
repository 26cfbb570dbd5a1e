"""Export one take as one dataset episode: choose the frame of each row, encode the cameras, collect the columns."""

from __future__ import annotations

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
