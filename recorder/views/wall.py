"""The wall: a dataset's takes and episodes as cards, filtered and sorted as the URL says."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET
from django_htmx.http import replace_url

from recorder.browse.counts import goal_of
from recorder.browse.filters import REJECTED, SORTS, VIEWS, Filter, choices, rows_in, totals
from recorder.models import Dataset
from recorder.models.states import EpisodeState, Verdict
from recorder.templatetags.curation import PLANNED_WORDS, mark_words
from recorder.templatetags.formatting import cameras_of
from recorder.views.request import PAGE, Request, episode_page

TITLES = {"review": "To review", "kept": "Kept", "committed": "In the dataset", "all": "All"}
EDITABLE = {EpisodeState.RECORDED, EpisodeState.INTERRUPTED, EpisodeState.FAILED, EpisodeState.ENCODED}
MOST_IDS = 5000
MOST_CARDS = 500


@require_GET
def wall(request: Request, slug: str) -> HttpResponse:
    """The list for a changed filter; the response also sets the page's URL."""
    row = dataset_of(slug)
    context = wall_of(request, row)
    response = render(request, "recorder/_wall.html", context)
    return replace_url(response, f"{reverse('recorder:dataset', args=[slug])}?{context['address']}")


@require_GET
def wall_head(request: Request, slug: str) -> HttpResponse:
    """The fragment with the counts and totals of the lists."""
    return render(request, "recorder/_wall_head.html", head_of(request, dataset_of(slug)))


@require_GET
def wall_cards(request: Request, slug: str) -> HttpResponse:
    """The fragment with the next cards."""
    row = dataset_of(slug)
    return render(request, "recorder/_cards.html", {**head_of(request, row), **cards_of(request, row)})


@require_GET
def wall_ids(request: Request, slug: str) -> HttpResponse:
    """The ids of all episodes that match, for bulk actions: `editable` ones and `others`, at most MOST_IDS."""
    row = dataset_of(slug)
    asked = Filter.read(request.GET)
    rows = rows_in(row, view_of(request, totals(row, asked), asked), asked)
    found = rows.exclude(state=EpisodeState.RECORDING).order_by("-recorded_at", "-pk").values_list("pk", "state")
    ids: dict[str, list[str]] = {"editable": [], "others": []}
    for pk, state in found[:MOST_IDS]:
        ids["editable" if state in EDITABLE else "others"].append(str(pk))
    return JsonResponse(ids)


def wall_of(request: Request, row: Dataset) -> dict[str, Any]:
    """Return the context of the list, with the first page of cards."""
    return {**head_of(request, row), **cards_of(request, row), "cameras": cameras_in(row)}


def head_of(request: Request, row: Dataset) -> dict[str, Any]:
    """Return the context above the cards: the filter, the lists with their counts, and the goal."""
    asked = Filter.read(request.GET)
    counts = totals(row, asked, rejected=REJECTED, rejected_committed=REJECTED & Q(state=EpisodeState.ENCODED))
    view = view_of(request, counts, asked)
    here = f"view={view}&{asked.query}" if asked.query else f"view={view}"
    return {
        "dataset": row,
        "view": view,
        "filter": asked,
        "address": here,
        "walk": f"list={view}&{asked.query}" if asked.query else f"list={view}",
        "tabs": [(key, title, counts[key]["episodes"]) for key, title in TITLES.items()],
        "kept_query": asked.without("state", "verdict").query,
        "total": counts[view],
        **_rejected(view, counts),
        "goal": goal_of(row, asked.task),
        "narrowed": [(name, _said(name, value), asked.without(name).query) for name, value in asked.conditions.items()],
    }


def _rejected(view: str, counts: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the number of rejected episodes and the list that shows them; within the dataset, only committed ones."""
    if view == "committed":
        return {"rejected": counts["rejected_committed"]["episodes"], "rejected_view": "committed"}
    return {"rejected": counts["rejected"]["episodes"], "rejected_view": "all"}


def cards_of(request: Request, row: Dataset) -> dict[str, Any]:
    """Return the context of the next cards."""
    asked = Filter.read(request.GET)
    view = view_of(request, totals(row, asked), asked) if request.GET.get("view") not in VIEWS else request.GET["view"]
    most = _most(request.GET.get("most", ""))
    page = episode_page(rows_in(row, view, asked), request.GET.get("after"), sort=asked.sort, most=most)
    return {**page, "wall": True}


def _most(asked: str) -> int:
    """Return the number of cards: a page, or more when a person returns to an earlier position."""
    return min(MOST_CARDS, max(PAGE, int(asked))) if asked.isdecimal() and len(asked) < 6 else PAGE


def filter_of(row: Dataset) -> dict[str, Any]:
    """Return the possible values of the filter's fields."""
    return {
        "choices": choices(row),
        "sorts": SORTS.items(),
        "planned_words": PLANNED_WORDS.items(),
        "states": [(state, state.label) for state in EpisodeState if state != EpisodeState.RECORDING],
        "verdicts": Verdict.choices,
    }


def view_of(request: Request, counts: dict[str, dict[str, Any]], asked: Filter) -> str:
    """Return the requested list; by default the first one that is not empty."""
    view = request.GET.get("view", "")
    if view in VIEWS:
        return view
    if asked.state or asked.verdict:
        return "all"
    return next((each for each in VIEWS if counts[each]["episodes"]), "review")


def dataset_of(slug: str) -> Dataset:
    """Return the dataset. Raise Http404 if there is none."""
    return get_object_or_404(Dataset, slug=slug)


def cameras_in(row: Dataset) -> list[str]:
    """Return the keys of the dataset's cameras; empty before its first take."""
    return cameras_of(row.features)


def _said(name: str, value: str) -> str:
    """Return one condition of the filter as text."""
    words = {
        "q": f"“{value}”",
        "mark": {"any": "has issues", "none": "no issues", "bad": "serious issues"}.get(value) or mark_words(value),
        "longer": f"{value} s or longer",
        "shorter": f"{value} s or shorter",
        "since": f"since {value}",
        "until": f"until {value}",
        "session": f"session {value[:8]}",
        "planned": PLANNED_WORDS.get(value, "pending changes"),
        "verdict": Verdict(value).label if value in Verdict.values else value,
    }
    return words.get(name, f"{name}: {value}")
