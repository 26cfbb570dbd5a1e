"""What the charts of a dataset's overview count: episodes of unusual length, takes per day, issues by episode."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
from django.db.models import Count
from django.db.models.functions import TruncDate

from recorder.models.episode import EpisodeQuerySet
from robotdata.quality.mark import WEIGHT

_MAX_OUTLIERS = 12
_MIN_EPISODES = 5
_ROBUST_Z = 3.5
"""So many robust standard deviations are far from the median. (The flag `length` compares takes of one task.)"""
_MAX_COLUMNS = 30
_MAX_ROWS = 12


def unusual_lengths(ids: Sequence[uuid.UUID], seconds: Sequence[float]) -> list[dict[str, Any]]:
    """Return the episodes whose length is far from the median, the farthest first: `id` and `seconds`.

    Empty for fewer than five episodes. At least a tenth of the median away, so that equal lengths have none.
    """
    if len(ids) < _MIN_EPISODES:
        return []
    lengths = np.asarray(seconds, np.float64)
    median = float(np.median(lengths))
    distance = np.abs(lengths - median)
    spread = 1.4826 * float(np.median(distance))
    far = np.flatnonzero((distance > _ROBUST_Z * spread) & (distance > median / 10))
    order = sorted(far.tolist(), key=lambda index: (-distance[index], str(ids[index])))
    return [{"id": str(ids[index]), "seconds": round(float(lengths[index]), 3)} for index in order[:_MAX_OUTLIERS]]


def takes_per_day(rows: EpisodeQuerySet) -> dict[tuple[date, str], int]:
    """Count episodes by local day and operator; an operator without a name is an empty text."""
    grouped = rows.order_by().annotate(day=TruncDate("recorded_at")).values("day", "operator").annotate(n=Count("pk"))
    return {(group["day"], group["operator"]): group["n"] for group in grouped}


def issue_map(rows: EpisodeQuerySet) -> dict[str, Any]:
    """Return the issues of the gravest episodes in the order of recording: `codes` and `episodes` with `cells`.

    A cell is the gravest flag of one kind: `code`, `severity`, `text` and the first tick. At most 30 episodes and 12
    kinds of flags.
    """
    gravest = rows.filter(marks_weight__gt=0).order_by("-marks_weight", "-recorded_at")[:_MAX_COLUMNS]
    found = sorted(gravest.values_list("recorded_at", "pk", "number", "task", "marks"), key=lambda row: row[:2])
    episodes: list[dict[str, Any]] = []
    counts: Counter[str] = Counter()
    for _, pk, number, task, marks in found:
        cells: dict[str, dict[str, Any]] = {}
        for mark in marks if isinstance(marks, list) else []:
            if not isinstance(mark, dict):
                continue
            cell = _cell(mark)
            known = cells.get(cell["code"])
            if known is None or WEIGHT[cell["severity"]] > WEIGHT[known["severity"]]:
                cells[cell["code"]] = cell
        counts.update({code: WEIGHT[cell["severity"]] for code, cell in cells.items()})
        episodes.append({"id": str(pk), "number": number, "task": task, "cells": cells})
    codes = [code for code, _ in counts.most_common(_MAX_ROWS)]
    for episode in episodes:
        episode["cells"] = [cell for code, cell in episode["cells"].items() if code in codes]
    return {"codes": codes, "episodes": episodes}


def _cell(mark: dict[str, Any]) -> dict[str, Any]:
    severity, first = str(mark.get("severity")), mark.get("from_tick")
    return {
        "code": str(mark.get("code")),
        "severity": severity if severity in WEIGHT else "warn",
        "text": str(mark.get("text") or ""),
        "tick": first if type(first) is int and first > 0 else 0,
    }
