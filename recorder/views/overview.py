"""The overview of a dataset: lengths, tasks, flags, ranges of the joints, and the worst takes."""

from __future__ import annotations

import dataclasses
import uuid
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from recorder.browse.other_takes import with_others
from recorder.models import Dataset, Episode
from recorder.quality.assess import default_thresholds
from recorder.quality.overview import overview
from recorder.views.charts import bars_of, day_columns, heat_cells, outliers_of, ticks_of
from recorder.views.dataset_page import page_of
from recorder.views.request import Request
from recorder.views.wall import dataset_of
from robotdata.quality.codes import LABELS

TRACK_WIDTH = 1000
WORST_SHOWN = 8
THRESHOLD_FIELDS = (
    ("z", "Outlier", "robust standard deviations"),
    ("length", "Unusual length", "times the usual length"),
    ("little_motion", "Little motion", "or less of the usual path length"),
    ("jump", "Jump", "of the joint's range, at once"),
    ("glitch", "Spike", "of the joint's range, out and back"),
    ("jerk", "Jerky", "times the usual jerk"),
    ("disagree", "State and action disagree", "of the joint's range"),
    ("lag_ticks", "Robot lags", "frames more than usual"),
    ("copy", "Near-duplicate", "or less of the range apart"),
    ("light", "Unusual brightness", "of full scale"),
    ("blurred", "Blurred", "or less of the usual sharpness"),
    ("dropped_warn", "Frames dropped", "of all frames"),
    ("idle_s", "Idle ends", "seconds"),
    ("frozen_s", "Frozen image", "seconds"),
)
"""The thresholds on the page; the API has all of them."""


@require_GET
def dataset_overview(request: Request, slug: str) -> HttpResponse:
    """The overview page."""
    row = dataset_of(slug)
    overview_data = overview(row)
    edges = overview_data["lengths"]["edges_s"]
    context = {
        **page_of(row, "overview"),
        "overview": overview_data,
        "bars": bars_of(overview_data["lengths"]),
        "joints": joints_of(overview_data["ranges"]),
        "worst": _rows([entry["id"] for entry in overview_data["worst"][:WORST_SHOWN]]),
        "most": max((line["episodes"] for line in overview_data["tasks"]), default=0),
        "outliers": outliers_of(overview_data["lengths"]),
        "ticks": ticks_of(edges[0], edges[-1]) if edges else [],
        "days": day_columns(overview_data["days"]),
        "heat": heat_cells(overview_data["issue_map"]),
        "track": TRACK_WIDTH,
        "walk": "list=all&sort=worst",
        "view": "all",
        "knobs": threshold_fields_of(row),
        "mark_names": LABELS,
    }
    return render(request, "recorder/overview.html", context)


def threshold_fields_of(row: Dataset) -> list[dict[str, Any]]:
    """Return the thresholds with their default and chosen values."""
    default_values = dataclasses.asdict(default_thresholds())
    return [
        {"name": name, "words": label, "unit": unit, "value": row.thresholds.get(name), "usual": default_values[name]}
        for name, label, unit in THRESHOLD_FIELDS
    ]


def joints_of(ranges: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the ranges of each joint in state, action and so on, on a shared scale; positions from 0 to TRACK."""
    joints: dict[str, list[dict[str, Any]]] = {}
    for line in sorted(ranges, key=lambda line: line["feature"] == "action"):  # state before action
        joints.setdefault(line["name"], []).append(line)
    return [{"name": name, "lines": _on_scale(lines)} for name, lines in joints.items()]


def _on_scale(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    low, high = min(line["least"] for line in lines), max(line["most"] for line in lines)
    span = high - low

    def position(value: float | None) -> float:
        return round(TRACK_WIDTH * (value - low) / span, 1) if value is not None and span > 0 else 0.0

    return [
        {
            **line,
            "still": span <= 0 or line["least"] == line["most"],
            "from": position(line["least"]),
            "length": max(2.0, position(line["most"]) - position(line["least"])),
            "from_low": position(line["low"]),
            "length_low": max(4.0, position(line["high"]) - position(line["low"])) if line["low"] is not None else 0.0,
        }
        for line in lines
    ]


def _rows(ids: list[str]) -> list[Episode]:
    by_id = Episode.objects.select_related("dataset", "rig").in_bulk([uuid.UUID(episode_id) for episode_id in ids])
    return with_others(by_id[pk] for episode_id in ids if (pk := uuid.UUID(episode_id)) in by_id)
