"""One take -> one dataset episode: which frame goes to which row, and doing it."""

from __future__ import annotations

from robotdata.export.encode import EncodedCamera, encode_camera, load_encoded, plan_hash, sidecar_path
from robotdata.export.episode import new_episode
from robotdata.export.errors import ExportError, ExportRefused
from robotdata.export.plan import ExportPlan, plan_take

__all__ = [
    "EncodedCamera",
    "ExportError",
    "ExportPlan",
    "ExportRefused",
    "encode_camera",
    "load_encoded",
    "new_episode",
    "plan_hash",
    "plan_take",
    "sidecar_path",
]
