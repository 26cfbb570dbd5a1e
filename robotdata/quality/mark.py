"""Define `Mark`: one issue of a take, with its severity, its text and the ticks where it occurs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from robotdata.quality.codes import LABELS
from robotdata.quality.metrics import TakeMetrics
from robotdata.quality.runs import Run

Severity = Literal["note", "warn", "bad"]
WEIGHT: dict[str, int] = {"note": 1, "warn": 10, "bad": 100}
"""Points of a severity in `score`; also the order of severities."""
_MAX_SCORE = 32_767
"""The largest value of the database column (a 16-bit integer). 327 bad marks reach it."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One issue of a take.

    `code` is a key of `codes.LABELS`. `camera` and `feature` are the feature keys concerned, or None. The issue occurs
    in ticks [from_tick, to_tick) of the recorded take (not of the trimmed one). `text` is a whole sentence. `other` is
    the id of another take that the text names by `take_name`; empty if it names none. Raises ValueError for an unknown
    code.
    """

    code: str
    camera: str | None
    feature: str | None
    from_tick: int
    to_tick: int
    severity: Severity
    text: str
    other: str = ""

    def __post_init__(self) -> None:
        if self.code not in LABELS:
            raise ValueError(f"mark code {self.code!r} has no line in robotdata/quality/codes.py")

    def to_json(self) -> dict[str, Any]:
        """Return the fields as a dict of JSON values, `other` only if it is set."""
        fields = dataclasses.asdict(self)
        return fields if self.other else {name: value for name, value in fields.items() if name != "other"}


def take_name(take_id: str) -> str:
    """Return how a mark's text names another take; who shows it puts the take's number there instead."""
    return take_id[:8]


def score(marks: Iterable[Any]) -> int:
    """Return how bad a take is: the sum of `WEIGHT` over its marks, at most 32,767.

    Marks with the same code, camera and feature count once. `marks` are dicts as `Mark.to_json` returns them; other
    values are skipped.
    """
    distinct = {
        (str(each.get("code")), str(each.get("camera")), str(each.get("feature"))): each
        for each in marks
        if isinstance(each, dict)
    }
    return min(_MAX_SCORE, sum(WEIGHT.get(str(each.get("severity")), WEIGHT["warn"]) for each in distinct.values()))


def mark(
    take: TakeMetrics,
    code: str,
    severity: Severity,
    text: str,
    *,
    run: Run | None = None,
    camera: str | None = None,
    feature: str | None = None,
    other: str = "",
) -> Mark:
    """Return a mark of `take` for the ticks of `run`, or for the whole take if `run` is None.

    `run` counts from `take.first_tick`; the returned mark counts from the first recorded tick.
    """
    first, end = run if run is not None else (0, take.ticks)
    first, end = max(0, first), min(end, take.ticks)
    return Mark(code, camera, feature, first + take.first_tick, end + take.first_tick, severity, text, other)
