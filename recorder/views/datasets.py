"""Datasets: the list, and one with its takes to review, kept, and committed."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from recorder.models import Batch, Dataset, Episode, Policy
from recorder.models.episode import EpisodeQuerySet
from recorder.states import Verdict
from recorder.views.ask import PAGE, Request, cut
from recorder.views.batches import with_progress
from recorder.views.counts import datasets_with_figures, figures_of, tasks_of

VIEWS = {"review": "To review", "kept": "Kept", "committed": "In the dataset"}
VERDICTS = {"review": Verdict.UNREVIEWED, "kept": Verdict.KEEP}


def episodes_in(dataset: Dataset, view: str) -> EpisodeQuerySet:
    """What a tab of the dataset's page lists."""
    rows = Episode.objects.filter(dataset=dataset)
    if view == "committed":
        return rows.committed()
    return rows.takes().filter(verdict=VERDICTS[view])


@require_GET
def datasets(request: Request) -> HttpResponse:
    page = "recorder/_dataset_lines.html" if request.htmx else "recorder/datasets.html"
    most = request.GET.get("most", "")
    rows = datasets_with_figures()
    return render(request, page, {"datasets": rows[: int(most)] if most.isdecimal() and len(most) < 6 else rows})


@require_GET
def dataset(request: Request, slug: str) -> HttpResponse:
    """The page of one dataset; its lists, figures and batches are fetched again by the views below."""
    row = _dataset(slug)
    view = _view(request, row)
    context = {
        **_figures(row, view),
        **cut(episodes_in(row, view), request.GET.get("after")),
        **_batches(row),
        "tasks": tasks_of(row),
        "policies": Policy.choices,
    }
    return render(request, "recorder/dataset.html", context)


@require_GET
def dataset_cards(request: Request, slug: str) -> HttpResponse:
    """The next cards of a list."""
    row = _dataset(slug)
    view = _view(request, row)
    context = {"dataset": row, "view": view, **cut(episodes_in(row, view), request.GET.get("after"))}
    return render(request, "recorder/_cards.html", context)


@require_GET
def dataset_figures(request: Request, slug: str) -> HttpResponse:
    row = _dataset(slug)
    return render(request, "recorder/_dataset_figures.html", _figures(row, _view(request, row)))


@require_GET
def dataset_batches(request: Request, slug: str) -> HttpResponse:
    return render(request, "recorder/_dataset_batches.html", _batches(_dataset(slug)))


def _dataset(slug: str) -> Dataset:
    return get_object_or_404(Dataset, slug=slug)


def _view(request: Request, row: Dataset) -> str:
    """The tab: the one that was asked for, else the first that has something."""
    asked = request.GET.get("view", "")
    if asked in VIEWS:
        return asked
    return next((view for view in VIEWS if episodes_in(row, view).exists()), "review")


def _figures(row: Dataset, view: str) -> dict[str, Any]:
    figures = figures_of(row)
    count = {"review": figures["to_review"], "kept": figures["keep"], "committed": figures["committed"]}
    tabs = [(key, title, count[key]) for key, title in VIEWS.items()]
    return {"dataset": row, "view": view, "figures": figures, "tabs": tabs, "page_size": PAGE}


def _batches(row: Dataset) -> dict[str, Any]:
    """Those that are open, and the newest that failed."""
    rows = list(Batch.objects.filter(dataset=row).open())
    newest = Batch.objects.filter(dataset=row).first()
    if newest is not None and newest.error and newest not in rows:
        rows.append(newest)
    return {"dataset": row, "batches": [with_progress(batch) for batch in rows]}
