"""Names of the other takes that flags name: "#12", or "#12 of Cubes" if that is another dataset's.

A flag stores the id of the other take, because its number belongs to a dataset: a copy of the episode is in another.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from recorder.models import Episode
from recorder.models.numbers import format_number
from recorder.text import parse_uuid
from robotdata.quality.mark import take_name

_MOST_NAMED = 500
"""So many takes are named on one page, as a file from elsewhere may name any number of them."""


def with_others(episodes: Iterable[Episode]) -> list[Episode]:
    """Return the episodes of one page with `others`: the name of each take that their flags name. One query at most."""
    rows = list(episodes)
    wanted = dict.fromkeys(other for row in rows for mark in row.marks if (other := other_of(mark)) is not None)
    known = Episode.objects.filter(pk__in=list(islice(wanted, _MOST_NAMED))).order_by() if wanted else None
    found = [] if known is None else list(known.values_list("pk", "number", "dataset_id", "dataset__title"))
    for row in rows:
        row.others = {
            pk: format_number(number) + ("" if dataset == row.dataset_id else f" of {title}")
            for pk, number, dataset, title in found
        }
    return rows


def other_of(mark: Any) -> uuid.UUID | None:
    """Return the id of the other take that the flag names; None if it names none."""
    return parse_uuid(mark.get("other")) if isinstance(mark, Mapping) else None


def name_other(text: str, other: uuid.UUID, name: str) -> str:
    """Return the text of a flag with the name of the other take in place of the beginning of its id, or of a number."""
    return re.sub(rf"{re.escape(take_name(str(other)))}|#\d+", lambda _: name, text, count=1)
