"""A mark: one thing about a take that a person may want to see, with the place to jump to."""

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
_MOST = 32_767
"""What a small column holds; 327 bad marks are no better than 400."""


@dataclass(frozen=True, slots=True)
class Mark:
    """`from_tick` and `to_tick` count the take's own ticks, [from, to); `text` is a whole sentence."""

    code: str
    camera: str | None
    feature: str | None
    from_tick: int
    to_tick: int
    severity: Severity
    text: str

    def __post_init__(self) -> None:
        if self.code not in LABELS:
            raise ValueError(f"mark code {self.code!r} has no line in robotdata/quality/codes.py")

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def score(marks: Iterable[Any]) -> int:
    """How bad a take is: its marks' weights, each kind and camera once."""
    kinds = {(str(m.get("code")), str(m.get("camera")), str(m.get("feature"))): m for m in marks if isinstance(m, dict)}
    return min(_MOST, sum(WEIGHT.get(str(each.get("severity")), WEIGHT["warn"]) for each in kinds.values()))


def mark(
    take: TakeMetrics,
    code: str,
    severity: Severity,
    text: str,
    *,
    run: Run | None = None,
    camera: str | None = None,
    feature: str | None = None,
) -> Mark:
    """A mark of `take` at `run` (in the metrics' own ticks), or of all of it."""
    first, end = run if run is not None else (0, take.ticks)
    first, end = max(0, first), min(end, take.ticks)
    return Mark(code, camera, feature, first + take.first_tick, end + take.first_tick, severity, text)
