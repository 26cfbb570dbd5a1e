"""What all pages of one dataset share: its counts, its tabs, pending changes and open operations."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from recorder.browse.counts import figures_of
from recorder.catalog.older_copies import older_copy
from recorder.jobs.revising import planned_counts
from recorder.models import Dataset, Operation
from recorder.models.states import OperationType
from recorder.views.operations import with_totals

TABS = {
    "episodes": ("Episodes", "recorder:dataset", "planned"),
    "overview": ("Overview", "recorder:dataset-overview", "thresholds"),
    "edit": ("Edit", "recorder:dataset-edit", "edits shape features tasks"),
    "use": ("Use", "recorder:dataset-use", "folder python load-code"),
    "history": ("History", "recorder:dataset-history", "revisions"),
    "files": ("Files", "recorder:dataset-files", "care download"),
    "settings": ("Settings", "recorder:dataset-settings", "every"),
}
"""Each tab's title, its URL's name, and the ids of its parts, so that a link to a part finds its page."""


def page_of(row: Dataset, tab: str) -> dict[str, Any]:
    """Return the context of the header of one of the dataset's pages; `tab` is a key of TABS."""
    return {
        "dataset": row,
        "tab": tab,
        "tab_title": TABS[tab][0],
        "dataset_tabs": [
            {"key": key, "title": title, "url": reverse(name, args=[row.slug]), "holds": holds}
            for key, (title, name, holds) in TABS.items()
        ],
        "figures": figures_of(row),
        **operations_of(row),
        **planned_of(row),
    }


def planned_of(row: Dataset) -> dict[str, Any]:
    """Return the pending changes, and whether the dataset is `changing`, so that they cannot be applied now."""
    changing = Operation.objects.filter(dataset=row).changing().exists()
    return {"planned": planned_counts(row), "changing": changing}


def operations_of(row: Dataset) -> dict[str, Any]:
    """Return the open operations, the newest one if it failed, and the newest copy as v2.1 with its download."""
    rows = list(Operation.objects.filter(dataset=row).open())
    newest = Operation.objects.filter(dataset=row).first()
    if newest is not None and newest.error and newest not in rows:
        rows.append(newest)
    older = Operation.objects.filter(dataset=row, type=OperationType.OLDER).first()
    if older is not None and older not in rows and older_copy(older) is not None:
        rows.append(older)  # its download stays on the page
    return {"operations": with_totals(rows)}
