"""Combine a take, its export plan and its encoded cameras into the episode that `dataset.write` adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from robotdata.capture.actions import ACTION
from robotdata.dataset.features import DEFAULT_FEATURES, NUMERIC_DTYPES
from robotdata.dataset.scales import scales_of
from robotdata.dataset.write.new_episode import NewEpisode
from robotdata.export.actions import action_column
from robotdata.export.encode import EncodedCamera
from robotdata.export.errors import ExportError
from robotdata.export.plan import ExportPlan
from robotdata.numbers import count
from robotdata.spool import Take
from robotdata.spool.language import Language


def new_episode(
    take: Take,
    plan: ExportPlan,
    task: str | Sequence[str],
    encoded: Mapping[str, EncodedCamera],
    uuid: str,
    extra: Mapping[str, Any],
    *,
    recorded_action: str = "",
    language: Language | None = None,
) -> NewEpisode:
    """Return the episode `uuid`: the planned rows of every feature in its declared dtype, and the videos.

    `task` is one text, or one text per row. `encoded` maps each camera key to its video. `extra` is stored in the
    dataset's sidecar, with a summary of the plan under "export". `recorded_action` says which of the take's two actions
    becomes `action`, SENT or REQUESTED; by default the rig's choice. `language` is that of the take, in its ticks.
    Raises ExportError if a camera is missing or was encoded with another number of frames, ExportRefused if the take
    does not hold that action.
    """
    for key in take.cameras:
        if key not in encoded:
            raise ExportError(f"take {take.id}: camera {key} is not encoded; encode it first")
        if encoded[key].frames != plan.rows:
            raise ExportError(
                f"take {take.id}: {key} was encoded with {count(encoded[key].frames, 'frame')}, the plan has "
                f"{count(plan.rows, 'row')}; encode it again"
            )
    recorded_action = recorded_action or take.recorded_action
    action = action_column(take, recorded_action)
    columns: dict[str, Any] = {}
    for name, feature in take.manifest["features"].items():
        if feature["dtype"] in NUMERIC_DTYPES and name not in DEFAULT_FEATURES:
            column = action if name == ACTION else name
            values = np.asarray(take.signal(column))[plan.first_tick : plan.end_tick]
            columns[name] = values.astype(feature["dtype"])
        elif feature["dtype"] == "string":
            columns[name] = take.texts(name)[plan.first_tick : plan.end_tick]
    return NewEpisode(
        uuid=uuid,
        tasks=task,
        columns=columns,
        length=plan.rows,
        videos={key: encoded[key].path for key in take.cameras},
        camera_stats={key: encoded[key].stats for key in take.cameras},
        extra={**extra, "export": plan.summary()},
        camera_info={key: encoded[key].info for key in take.cameras},
        recorded_action=recorded_action,
        scales=scales_of(take.manifest["features"]),
        language=(language or Language()).within(plan.first_tick, plan.end_tick),
    )
