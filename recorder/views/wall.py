"""The wall: a dataset's takes and episodes as cards, filtered and sorted as the URL says."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET
from django_htmx.http import replace_url, trigger_client_event

from recorder.browse.counts import figures_of, goal_of, tasks_of
from recorder.browse.filters import REJECTED, SORTS, VIEWS, Filter, Matching, choices
from recorder.browse.reach import Reach
from recorder.models import Dataset
from recorder.models.states import EpisodeState, Verdict
from recorder.templatetags.curation import PLANNED_LABELS, mark_name
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
    response = trigger_client_event(render(request, "recorder/_wall.html", context), "filtered", after="settle")
    return replace_url(response, f"{reverse('recorder:dataset', args=[slug])}?{context['address']}")


@require_GET
def wall_head(request: Request, slug: str) -> HttpResponse:
    """The fragment with the counts and totals of the lists."""
    return render(request, "recorder/_wall_head.html", head_of(request, _matching(request, dataset_of(slug))))


@require_GET
def wall_cards(request: Request, slug: str) -> HttpResponse:
    """The fragment with the next cards."""
    found = _matching(request, dataset_of(slug))
    view = request.GET.get("view", "")
    if view not in VIEWS:
        view = view_of(request, found.totals(), found.filters)
    return render(request, "recorder/_cards.html", {**list_of(found, view), **cards_of(request, found, view)})


@require_GET
def wall_ids(request: Request, slug: str) -> HttpResponse:
    """The ids of all episodes that match, for bulk actions: `editable` ones and `others`, at most MOST_IDS."""
    found = _matching(request, dataset_of(slug))
    rows = found.rows(view_of(request, found.totals(), found.filters))
    matches = rows.exclude(state=EpisodeState.RECORDING).order_by("-recorded_at", "-pk").values_list("pk", "state")
    ids: dict[str, list[str]] = {"editable": [], "others": []}
    for pk, state in matches[:MOST_IDS]:
        ids["editable" if state in EDITABLE else "others"].append(str(pk))
    return JsonResponse(ids)


def wall_of(request: Request, row: Dataset, tasks: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """Return the context of the list, with the first page of cards. `tasks` are those of `tasks_of`, if known."""
    found = _matching(request, row)
    head = head_of(request, found, tasks)
    cards = cards_of(request, found, head["view"])
    context = {**head, **cards, "cameras": cameras_in(row)}
    # An empty list says what leads to what it lacks.
    return context if cards["episodes"] else {**context, "figures": figures_of(row)}


def list_of(found: Matching, view: str) -> dict[str, Any]:
    """Return what addresses and links need to know of the list."""
    row, filters = found.dataset, found.filters
    query = f"{view}&{filters.query}" if filters.query else view
    return {"dataset": row, "view": view, "filter": filters, "address": f"view={query}", "walk": f"list={query}"}


def head_of(request: Request, found: Matching, tasks: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """Return the context above the cards: the filter, the lists with their counts, and the goal."""
    row, filters = found.dataset, found.filters
    if tasks is None:
        tasks = tasks_of(row) if row.goal else []
    counts = found.totals(rejected=REJECTED, rejected_committed=REJECTED & Q(state=EpisodeState.ENCODED))
    view = view_of(request, counts, filters)
    return {
        **list_of(found, view),
        "tabs": [(key, title, counts[key]["episodes"]) for key, title in TITLES.items()],
        "kept_query": filters.without("state", "verdict").query,
        "total": counts[view],
        **_rejected(view, counts),
        "goal": goal_of(row, tasks, filters.task),
        "narrowed": [
            (name, _condition_text(name, value, found), filters.without(name).query)
            for name, value in filters.conditions.items()
        ],
    }


def _rejected(view: str, counts: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the number of rejected episodes and the list that shows them; within the dataset, only committed ones."""
    if view == "committed":
        return {"rejected": counts["rejected_committed"]["episodes"], "rejected_view": "committed"}
    return {"rejected": counts["rejected"]["episodes"], "rejected_view": "all"}


def cards_of(request: Request, found: Matching, view: str) -> dict[str, Any]:
    """Return the context of the next cards."""
    most = _card_limit(request.GET.get("most", ""))
    page = episode_page(found.rows(view), request.GET.get("after"), sort=found.filters.sort, most=most)
    return {**page, "wall": True}


def _card_limit(requested: str) -> int:
    """Return the number of cards: a page, or more when a person returns to an earlier position."""
    return min(MOST_CARDS, max(PAGE, int(requested))) if requested.isdecimal() and len(requested) < 6 else PAGE


def filter_of(row: Dataset) -> dict[str, Any]:
    """Return the possible values of the filter's fields."""
    return {
        "choices": choices(row),
        "sorts": SORTS.items(),
        "planned_words": PLANNED_LABELS.items(),
        "states": [(state, state.label) for state in EpisodeState if state != EpisodeState.RECORDING],
        "verdicts": Verdict.choices,
    }


def view_of(request: Request, counts: dict[str, dict[str, Any]], filters: Filter) -> str:
    """Return the requested list; by default the first one that is not empty."""
    view = request.GET.get("view", "")
    if view in VIEWS:
        return view
    if filters.state or filters.verdict:
        return "all"
    return next((name for name in VIEWS if counts[name]["episodes"]), "review")


def dataset_of(slug: str) -> Dataset:
    """Return the dataset. Raise Http404 if there is none."""
    return get_object_or_404(Dataset, slug=slug)


def cameras_in(row: Dataset) -> list[str]:
    """Return the keys of the dataset's cameras; empty before its first take."""
    return cameras_of(row.features)


def _matching(request: Request, row: Dataset) -> Matching:
    """Return the episodes that the address asks for: once for each request, because files may have to be read."""
    return Matching(row, Filter.read(request.GET))


def _condition_text(name: str, value: str, found: Matching) -> str:
    """Return one condition of the filter as text."""
    reached, reach = found.reached, Reach.read(found.filters.reach)
    unit = reach.unit_in(found.dataset.features) if reach is not None else ""
    gaps = f" ({reached.gaps})" if reached is not None and reached.gaps else ""
    texts = {
        "q": f"“{value}”",
        "mark": {"any": "has issues", "none": "no issues", "bad": "serious issues"}.get(value) or mark_name(value),
        "longer": f"{value} s or longer",
        "shorter": f"{value} s or shorter",
        "since": f"since {value}",
        "until": f"until {value}",
        "session": f"session {value[:8]}",
        "reach": f"{reach}{unit and f' {unit}'}{gaps}",
        "planned": PLANNED_LABELS.get(value, "pending changes"),
        "verdict": Verdict(value).label if value in Verdict.values else value,
    }
    return texts.get(name, f"{name}: {value}")
