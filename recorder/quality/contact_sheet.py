"""A few episodes spread over a dataset, for one picture of each camera."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime

EPISODES_SHOWN = 8


def spread_over(rows: Iterable[tuple[datetime, uuid.UUID]], most: int = EPISODES_SHOWN) -> list[uuid.UUID]:
    """Return the ids of at most `most` of these episodes, evenly spread in the order of recording."""
    ids = [pk for _, pk in sorted(rows)]
    if len(ids) <= most:
        return ids
    return [ids[round(place * (len(ids) - 1) / (most - 1))] for place in range(most)]
