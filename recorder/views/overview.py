"""The overview of a dataset: lengths, tasks, flags, ranges of the joints, and the worst takes."""

from __future__ import annotations

import dataclasses
import uuid
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from recorder.browse.other_takes import with_others
from recorder.models import Dataset
from recorder.models.numbers import parse_number
from recorder.quality.assess import default_thresholds
from recorder.quality.densities import episode_densities
from recorder.quality.overview import overview
from recorder.views.charts import bars_of, day_columns, heat_cells, outliers_of, ticks_of
from recorder.views.dataset_page import page_of
from recorder.views.joints import HEIGHT, WIDTH, joint_groups
from recorder.views.request import Request
from recorder.views.wall import cameras_in, dataset_of
from robotdata.quality.codes import LABELS

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
    """The overview page; `?episode=12` draws that episode over the ranges of the joints."""
    row = dataset_of(slug)
    charts = charts_of(row, request.GET.get("episode", ""))
    context = {
        **page_of(row, "overview"),
        **charts,
        "worst": with_others(charts["worst"]),
        "walk": "list=all&sort=worst",
        "view": "all",
        "knobs": threshold_fields_of(row),
        "mark_names": LABELS,
    }
    return render(request, "recorder/overview.html", context)


def charts_of(row: Dataset, chosen: str = "") -> dict[str, Any]:
    """Return the context of all charts; `chosen` is the number of the episode that is drawn over the others."""
    data = overview(row)
    edges, number = data["lengths"]["edges_s"], parse_number(chosen)
    episode = row.episodes.filter(number=number, purged_at=None).first() if number is not None else None
    over = episode_densities(episode, data["ranges"]) if episode else []
    ids = [
        *data["sheet"],
        *(uuid.UUID(each["id"]) for each in [*data["lengths"]["outliers"], *data["worst"][:WORST_SHOWN]]),
    ]
    sheet = row.episodes.select_related("rig").in_bulk(ids)
    return {
        "overview": data,
        "bars": bars_of(data["lengths"]),
        "joint_groups": (groups := joint_groups(data["ranges"], data["densities"], over, row.features)),
        "has_limits": any(joint["lines"][0]["limits"] for group in groups for joint in group["joints"]),
        "joint_count": len({line["name"] for line in data["ranges"]}),
        "joint_size": (WIDTH, 2 * HEIGHT, HEIGHT),
        "chosen": episode,
        "chosen_text": chosen[:20],
        "is_drawn": any(any(shares) for shares in over),
        "most": max((line["episodes"] for line in data["tasks"]), default=0),
        "outliers": [
            {**each, "episode": sheet[pk]}
            for each in outliers_of(data["lengths"])
            if (pk := uuid.UUID(each["id"])) in sheet
        ],
        "ticks": ticks_of(edges[0], edges[-1]) if edges else [],
        "days": day_columns(data["days"]),
        "heat": heat_cells(data["issue_map"]),
        "worst": [sheet[pk] for each in data["worst"][:WORST_SHOWN] if (pk := uuid.UUID(each["id"])) in sheet],
        "cameras": cameras_in(row),
        "sheet": [sheet[pk] for pk in data["sheet"] if pk in sheet],
    }


def threshold_fields_of(row: Dataset) -> list[dict[str, Any]]:
    """Return the thresholds with their default and chosen values."""
    default_values = dataclasses.asdict(default_thresholds())
    return [
        {"name": name, "words": label, "unit": unit, "value": row.thresholds.get(name), "usual": default_values[name]}
        for name, label, unit in THRESHOLD_FIELDS
    ]
