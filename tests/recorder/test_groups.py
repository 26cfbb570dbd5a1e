"""Counts from groups are what the database counts, for every condition that a page asks for."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from django.db.models import Q
from django.utils import timezone

from recorder.browse import counts
from recorder.browse.filters import REJECTED, Filter, _views, totals
from recorder.models import Dataset, Episode
from recorder.models.episode import KEPT, TO_REVIEW
from recorder.models.groups import count, groups_of, matches, seconds
from recorder.models.states import EpisodeState, Verdict

CONDITIONS = [
    TO_REVIEW,
    REJECTED,
    KEPT,
    counts._RAW,
    counts._RAW_NOT_REJECTED,
    counts._KEPT,
    counts._REJECTED,
    counts._COMMITTED,
    counts._KEPT & counts._NOT_ENCODING,
    counts._COMMITTED | counts._RAW_NOT_REJECTED,
    Q(purged_at__isnull=False),
    ~(Q(purged_at=None) & ~Q(verdict=Verdict.REJECT)),
    *_views(Filter()).values(),
    *_views(Filter(state="recorded", verdict="reject")).values(),
]


@pytest.fixture
def cups(db: None) -> Dataset:
    """Takes of every state, verdict and purge, as many as the combination's number."""
    dataset = Dataset.objects.create(slug="cups", title="Cups")
    combinations = itertools.product(EpisodeState.values, Verdict.values, (None, timezone.now()))
    rows = []
    for number, (state, verdict, purged_at) in enumerate(combinations, 1):
        for each in range(number % 4 + 1):
            index = len(rows) if state == EpisodeState.ENCODED else None
            row = Episode(dataset=dataset, state=state, verdict=verdict, purged_at=purged_at, episode_index=index)
            row.fps, row.ticks, row.task = (30, 0)[each % 3 == 2], 30 + number, f"task {number % 3}"
            row.trim_first = 3 if each % 2 else None
            row.recorded_at = timezone.now() + timedelta(seconds=number)
            rows.append(row)
    Episode.objects.bulk_create(rows)
    return dataset


@pytest.mark.parametrize("condition", CONDITIONS, ids=str)
def test_groups_count_what_the_database_counts(cups: Dataset, condition: Q) -> None:
    rows = Episode.objects.filter(dataset=cups)
    groups = groups_of(rows)
    met = list(rows.filter(condition))
    assert count(groups, condition) == len(met) > 0
    assert seconds(groups, condition) == pytest.approx(sum(row.duration_s for row in met))


def test_the_totals_are_those_of_the_lists(cups: Dataset) -> None:
    for view, total in totals(cups, Filter()).items():
        assert total["episodes"] == Episode.objects.filter(_views(Filter())[view], dataset=cups).count()


def test_what_a_group_does_not_know_is_an_error() -> None:
    with pytest.raises(KeyError):
        matches(Q(task="x"), {"state": "recorded"})
    with pytest.raises(KeyError):
        matches(Q(state__gt="x"), {"state": "recorded"})
