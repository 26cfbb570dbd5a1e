"""The parts of a split that follow what people said of the episodes: labels, or filters of the dataset's page."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import QueryDict

from recorder.browse.filters import Filter, committed_rows
from recorder.errors import Refused
from recorder.models import Dataset
from robotdata.numbers import count

Part = tuple[str, list[str]]
"""The title of a new dataset, and the UUIDs of its episodes."""


def parts_by_label(dataset: Dataset) -> list[Part]:
    """Return the committed episodes of each label, with the label as part of the title; others are in no part.

    Raise Refused if no episode has a label, and if one has several: the split would not know where it belongs.
    """
    parts: dict[str, list[str]] = {}
    several = 0
    for pk, labels in dataset.episodes.committed().order_by("episode_index").values_list("pk", "labels"):
        named = list(dict.fromkeys(label for label in labels if isinstance(label, str)))
        several += len(named) > 1
        for label in named[:1]:
            parts.setdefault(label, []).append(str(pk))
    if several:
        have = f"{count(several, 'episode')} of {dataset.title} {'has' if several == 1 else 'have'} several labels"
        message = f"{have}: split by filters, or give each one label."
        raise Refused("several_labels", message)
    if not parts:
        raise Refused("nothing", f"No episode of {dataset.title} has a label: label some first.", 422)
    return [(f"{dataset.title} {label}"[:200], ids) for label, ids in parts.items()]


def parts_by_filter(dataset: Dataset, filters: Sequence[tuple[str, str]]) -> list[Part]:
    """Return the committed episodes that match each filter, a query of the dataset's page, with its title.

    An episode goes into the first part whose filter it matches; a filter without conditions matches the rest. Raise
    Refused if a part gets none, (422) for an invalid value in a filter, and if damage hides which episodes match.
    """
    taken: set[str] = set()
    parts = []
    for title, query in filters:
        wanted = Filter.read_all(QueryDict(query.removeprefix("?")))
        rows = committed_rows(dataset, wanted).order_by("episode_index")
        ids = [str(pk) for pk in rows.values_list("pk", flat=True)]
        own = [each for each in ids if each not in taken]
        if not own:
            why = "no episode matches its filter" if not ids else "all that match are in an earlier part"
            raise Refused("nothing", f"{title} would have no episode: {why}.", 422)
        taken |= set(own)
        parts.append((title, own))
    return parts
