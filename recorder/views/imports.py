"""The page on which files of other recorders are looked at, mapped to features, and imported as takes."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from recorder.catalog.import_uploads import ENDINGS
from recorder.catalog.importing import mapping_names
from recorder.models import Dataset
from recorder.views.request import Request
from robotdata.imports.mapping import UNITS
from robotdata.imports.open import KINDS

_MOST_DATASETS = 500


def _words(unit: str) -> str:
    return unit.replace("_", " ") if "_to_" in unit else f"in {unit}"


@require_GET
def imports(request: Request) -> HttpResponse:
    """The page; what is in the files comes by the API."""
    context = {
        "kinds": KINDS,
        "endings": ",".join(ENDINGS),
        "units": [(unit, _words(unit)) for unit in UNITS if unit],
        "mappings": mapping_names(),
        "datasets": Dataset.objects.order_by("title").values_list("title", flat=True)[:_MOST_DATASETS],
        "into": request.GET.get("dataset", "")[:200],
    }
    return render(request, "recorder/import.html", context)
