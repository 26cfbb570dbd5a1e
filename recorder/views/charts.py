"""Geometry of the charts on a dataset's overview. Across, positions are percentages, so that any width is filled.

Downwards they are pixels, so that letters keep their size.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from recorder.quality.scale import nice_step

BAR_HEIGHT = 150
DAYS_HEIGHT = 110
CELL_HEIGHT = 22
_LEAST_DAYS, _MOST_DAYS = 14, 31
_MOST_OPERATORS = 7


def ticks_of(low: float, high: float, most: int = 6) -> list[dict[str, Any]]:
    """Return the axis from `low` to `high`: round values with their place `x` in percent and their text in seconds."""
    if high <= low:
        return []
    step = nice_step(high - low, most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    return [
        {"x": round(100 * (number * step - low) / (high - low), 2), "text": f"{number * step:.{digits}f} s"}
        for number in range(first, last + 1)
    ]


def bars_of(lengths: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the bars of the histogram; each with its count and the shortest and longest length in seconds."""
    counts, edges = lengths["counts"], lengths["edges_s"]
    if not counts:
        return []
    step, most = 100 / len(counts), max(counts)
    bars = []
    for index, count in enumerate(counts):
        height = round(BAR_HEIGHT * count / most, 2) if count else 0
        low, end = edges[index], edges[index + 1]
        # Edges are rounded; the link must find all episodes that the bar counts.
        length_range = {"longer": max(0.0, round(low - 0.001, 3)), "shorter": round(end + 0.001, 3)}
        rectangle = {"x": round(index * step + step / 40, 3), "y": BAR_HEIGHT - height, "high": height}
        rectangle |= {"wide": round(step * 0.95, 3), "middle": round((index + 0.5) * step, 3)}
        bars.append({"count": count, "low": low, "end": end, **length_range, **rectangle})
    return bars


def outliers_of(lengths: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the episodes of unusual length with their place `x` in percent on the histogram's axis."""
    edges = lengths["edges_s"]
    if not edges or edges[-1] <= edges[0]:
        return []
    span = edges[-1] - edges[0]
    return [
        {**each, "x": round(min(100.0, max(0.0, 100 * (each["seconds"] - edges[0]) / span)), 2)}
        for each in lengths["outliers"]
    ]


def day_columns(counts: Mapping[tuple[date, str], int]) -> dict[str, Any]:
    """Return takes per day and operator as stacked columns: the `days`, the `operators` with their colours, the `most`.

    Shows at least the last 14 and at most 31 days; without gaps where the days with takes span no more. Operators
    beyond the seventh are one, named None.
    """
    if not counts:
        return {"days": [], "operators": [], "most": 0}
    days = _shown_days(sorted({day for day, _ in counts}))
    shown = _sum_rare({key: count for key, count in counts.items() if key[0] in days})
    totals: Counter[str | None] = Counter()
    for (_, operator), count in shown.items():
        totals[operator] += count
    ranked = sorted(totals, key=lambda name: (name is None, -totals[name], name or ""))
    colours = {name: place + 1 for place, name in enumerate(ranked)}
    sums = {day: sum(count for (each, _), count in shown.items() if each == day) for day in days}
    most, step = max(sums.values()), 100 / len(days)
    columns = []
    for index, day in enumerate(days):
        parts, top = [], float(DAYS_HEIGHT)
        for name in ranked:
            if not (count := shown.get((day, name), 0)):
                continue
            height = DAYS_HEIGHT * count / most
            top -= height
            parts.append(
                {
                    "operator": name,
                    "count": count,
                    "y": round(top, 2),
                    "high": round(height, 2),
                    "colour": colours[name],
                }
            )
        place = {"x": round(index * step + step / 10, 3), "wide": round(step * 0.8, 3)}
        columns.append(
            {"day": day, "count": sums[day], "parts": parts, "middle": round((index + 0.5) * step, 3), **place}
        )
    labels = max(1, math.ceil(len(columns) / 6))
    for index, column in enumerate(columns):
        column["labelled"] = (len(columns) - 1 - index) % labels == 0
    operators = [{"name": name, "count": totals[name], "colour": colours[name]} for name in ranked]
    return {"days": columns, "operators": operators, "most": most}


def _sum_rare(counts: Mapping[tuple[date, str], int]) -> dict[tuple[date, str | None], int]:
    """Return the counts, those of all but the `_MOST_OPERATORS` operators with most takes summed as operator None."""
    totals: Counter[str] = Counter()
    for (_, operator), count in counts.items():
        totals[operator] += count
    named = {name for name, _ in totals.most_common(_MOST_OPERATORS)}
    sums: Counter[tuple[date, str | None]] = Counter()
    for (day, operator), count in counts.items():
        sums[day, operator if operator in named else None] += count
    return dict(sums)


def _shown_days(days: Sequence[date]) -> list[date]:
    span = max((days[-1] - days[0]).days + 1, _LEAST_DAYS)
    if span <= _MOST_DAYS:
        return [days[-1] - timedelta(days=back) for back in reversed(range(span))]
    return list(days[-_MOST_DAYS:])


def heat_cells(heat: Mapping[str, Any]) -> dict[str, Any]:
    """Return the heat map's `rows` by flag and its cells, each with its place and the frame that it opens."""
    episodes = heat["episodes"]
    if not episodes:
        return {"rows": [], "cells": [], "high": 0}
    rows = [{"code": code, "y": index * CELL_HEIGHT} for index, code in enumerate(heat["codes"])]
    place = {row["code"]: row["y"] for row in rows}
    step = 100 / max(len(episodes), 10)
    cells = [
        {
            **cell,
            **{key: episode[key] for key in ("id", "number", "task")},
            "x": round(column * step, 3),
            "y": place[cell["code"]],
        }
        for column, episode in enumerate(episodes)
        for cell in episode["cells"]
    ]
    return {"rows": rows, "cells": cells, "wide": round(step, 3), "high": len(rows) * CELL_HEIGHT}
