"""Convert the annotations of an episode between rows, sidecars and Annotation.

Those in a take's folder: `robotdata.spool.annotation`, which also lists the fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from robotdata.dataset.annotations import planned_of
from robotdata.spool.annotation import REVIEW_FIELDS, Annotation

if TYPE_CHECKING:
    from recorder.models import Episode

TRIM = ("trim_first", "trim_end")
FIELDS = (*REVIEW_FIELDS, "task", "language", *TRIM)
"""The columns of a row that hold annotations."""
EDITABLE = tuple(name for name in FIELDS if name != "verdict")


def from_row(episode: Episode) -> Annotation:
    """Return the annotations in an episode's row."""
    trim = None if episode.trim is None else (episode.trim[0], episode.trim[1])
    fields = {name: getattr(episode, name) for name in (*REVIEW_FIELDS, "task", "language")}
    return Annotation(**fields, trim=trim)


def to_row(annotation: Annotation) -> dict[str, Any]:
    """Return the values of FIELDS."""
    first, end = annotation.trim or (None, None)
    fields = {**annotation.review_fields(), "task": annotation.task, "language": annotation.language}
    return {**fields, "trim_first": first, "trim_end": end}


def from_sidecar(entry: Mapping[str, Any], review_fields: Mapping[str, Any], *, length: int, task: str) -> Annotation:
    """Return the annotations in an episode's sidecar entry: the validated fields `review_fields`, and pending changes.

    `length` (frames) and `task` are those of the folder; they apply if no change is pending.
    """
    planned = planned_of(entry)
    first, end = planned.get("trim") or (0, length)
    trim = (first, end) if 0 <= first < end <= length and (first, end) != (0, length) else None
    present_fields = {name: review_fields[name] for name in REVIEW_FIELDS if name in review_fields}
    return Annotation(**present_fields, task=planned["task"][:2000] if "task" in planned else task, trim=trim)


def to_sidecar(annotation: Annotation, planned: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a committed episode's sidecar entry; None removes a field."""
    values = {"task": annotation.task, "trim": annotation.trim and list(annotation.trim)}
    pending = {name: value for name, value in values.items() if name in planned}
    return {**annotation.review_fields(), "planned": pending or None}
