"""Give rows of committed episodes the indexes that the episodes have in a new revision."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping

from django.db.models import F

from recorder.models import Episode
from recorder.models.versions import next_version

_CHUNK = 500
_OFFSET = 1_000_000_000  # added to indexes while episodes exchange places, because no two may have one index
_MAX_SHIFTS = 50


def move_indexes(moved: Mapping[uuid.UUID, tuple[int | None, int]]) -> None:
    """Change the index of each row from the first to the second number.

    After a deletion nearly all move by the same number, and one statement for many costs a tenth of one for each.
    """
    for chunk in _chunks(list(moved)):
        Episode.objects.filter(pk__in=chunk).update(episode_index=F("episode_index") + _OFFSET)
        Episode.objects.filter(pk__in=chunk).update(updated_at=next_version())
    shifts: dict[int | None, list[uuid.UUID]] = {}
    for pk, (old, new) in moved.items():
        shifts.setdefault(None if old is None else new - old, []).append(pk)
    if None in shifts or len(shifts) > _MAX_SHIFTS:
        rows = [Episode(pk=pk, episode_index=new) for pk, (_, new) in moved.items()]
        Episode.objects.bulk_update(rows, ["episode_index"], batch_size=_CHUNK)
        return
    for shift, pks in shifts.items():
        for chunk in _chunks(pks):
            Episode.objects.filter(pk__in=chunk).update(episode_index=F("episode_index") + ((shift or 0) - _OFFSET))


def _chunks(pks: list[uuid.UUID]) -> Iterator[list[uuid.UUID]]:
    yield from (pks[first : first + _CHUNK] for first in range(0, len(pks), _CHUNK))
