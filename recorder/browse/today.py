"""What waits for a person, what was recorded in the last seven days, and progress towards goals: the start page."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.db.models.functions import TruncDate
from django.utils import timezone

from recorder.browse.counts import goal_of, tasks_of
from recorder.models import Dataset, Episode, Operation, Unopened
from recorder.models.episode import KEPT, TO_REVIEW
from recorder.models.groups import RECORDED_SECONDS, Group, count, groups_of
from recorder.models.states import OperationState, Verdict

DAYS = 7
MOST_GOALS = 2
MOST_LINES = 8
FAILED_DAYS = 2
"""How long a failed operation is listed."""
LOW_DISK_BYTES, LOW_DISK_SHARE = 20_000_000_000, 0.05
"""Free space below both is low: about an hour of three cameras, on a disk that is nearly full."""
NOT_TRASHED: dict[str, Any] = {"dataset__trashed_at": None}
COLUMN, BAR = 10, 6
"""Width of a day and of its bar in the chart, whose height is 100."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One thing that a person should do: `kind` chooses the text, `count` is how many there are."""

    kind: str
    count: int
    dataset: Dataset | None = None


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle of the chart; `part` is the end of its CSS class."""

    part: str
    x: float
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Day:
    """The takes that rigs recorded on one day, by verdict, and their seconds."""

    date: date
    kept: int
    rejected: int
    to_review: int
    seconds: float

    @property
    def takes(self) -> int:
        """Return the number of all takes of the day."""
        return self.kept + self.rejected + self.to_review


def waiting(lines: Sequence[dict[str, Any]], *, disk_is_low: bool = False) -> list[Waiting]:
    """Return what waits; `lines` are the datasets with figures. Problems come first, then takes, as datasets do."""
    since = timezone.now() - timedelta(days=FAILED_DAYS)
    failed = Operation.objects.filter(state=OperationState.FAILED, finished_at__gte=since, **NOT_TRASHED).count()
    found = [Waiting("disk", 0)] if disk_is_low else []
    found += [Waiting(kind, n) for kind, n in (("failed", failed), ("unopened", Unopened.objects.count())) if n]
    for kind in ("not_encoded", "to_review", "encodable"):
        found += [Waiting(kind, line[kind], line["dataset"]) for line in lines if line[kind]]
    return found


def free_bytes_if_low() -> int | None:
    """Return the free bytes of the disk with the home folder if they are few; None otherwise."""
    usage = shutil.disk_usage(settings.HOME)
    is_low = usage.free < LOW_DISK_BYTES and usage.free < LOW_DISK_SHARE * usage.total
    return usage.free if is_low else None


def week(today: date | None = None) -> list[Day]:
    """Return the last seven days, the present one last; days without takes too."""
    last = today or timezone.localdate()
    days = [last - timedelta(days=back) for back in reversed(range(DAYS))]
    start = timezone.make_aware(datetime.combine(days[0], time.min))
    rows = Episode.objects.filter(recorded_at__gte=start, rig__isnull=False, **NOT_TRASHED).annotate(
        day=TruncDate("recorded_at")
    )
    by_day: dict[date, list[Group]] = {}
    for group in groups_of(rows, "day", seconds=RECORDED_SECONDS):
        by_day.setdefault(group["day"], []).append(group)
    return [_day(day, by_day.get(day, [])) for day in days]


def _day(day: date, groups: Sequence[Group]) -> Day:
    rejected = sum(group["n"] for group in groups if group["verdict"] == Verdict.REJECT)
    return Day(day, count(groups, KEPT), rejected, count(groups, TO_REVIEW), sum(group["seconds"] for group in groups))


def bars(days: Sequence[Day]) -> list[Bar]:
    """Return the chart: a column for each day, the highest 100 high, kept takes at the bottom."""
    most = max((day.takes for day in days), default=0)
    found = []
    for index, day in enumerate(days):
        top = 100.0
        for part, n in (("kept", day.kept), ("to-review", day.to_review), ("rejected", day.rejected)):
            height = 100 * n / most if most else 0.0
            top -= height
            if n:
                found.append(Bar(part, index * COLUMN + (COLUMN - BAR) / 2, round(top, 2), round(height, 2)))
    return found


def goals(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return dataset, kept and wanted of the datasets with a goal that changed last."""
    rows = [line["dataset"] for line in lines if line["dataset"].goal][:MOST_GOALS]
    return [{"dataset": row, **(goal_of(row, tasks_of(row)) or {})} for row in rows]


def today_of(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the context of the start page's lists and charts; `lines` are the datasets with figures."""
    free_bytes, days = free_bytes_if_low(), week()
    found = waiting(lines, disk_is_low=free_bytes is not None)
    return {
        "waiting": found[:MOST_LINES],
        "more_waiting": max(0, len(found) - MOST_LINES),
        "free_bytes": free_bytes,
        "days": days,
        "bars": bars(days),
        "today": days[-1],
        "week_takes": sum(day.takes for day in days),
        "week_kept": sum(day.kept for day in days),
        "week_seconds": sum(day.seconds for day in days),
        "goals": goals(lines),
    }
