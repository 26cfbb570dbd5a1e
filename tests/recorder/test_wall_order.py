"""The wall's orders: their pages, who stands next in them, and the weight of marks."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from recorder.browse import ordering
from recorder.browse.filters import Filter, rows_in
from recorder.browse.lists import neighbours
from recorder.models import Dataset, Episode
from tests.support.wall_rows import cups, mark, person, take

__all__ = ["cups", "person"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def mixed(cups: Dataset) -> list[Episode]:
    """Of several lengths and weights, some recorded at the same moment."""
    rows = []
    for n in range(30):
        marks = [mark("nan", "bad")] * (n % 5 == 0) + [mark("late")] * (n % 3 == 0)
        rows.append(take(cups, n // 2, ticks=30 + 10 * (n % 7), marks=marks))
    return rows


@pytest.mark.parametrize("sort", ["", "oldest", "longest", "shortest", "worst"])
def test_it_pages_every_order_without_a_gap(cups: Dataset, mixed: list[Episode], sort: str) -> None:
    rows = rows_in(cups, "all", Filter())
    whole, more = ordering.page(rows, sort, None, 100)
    assert len(whole) == 30 and not more
    seen: list[Episode] = []
    more = True
    while more:
        part, more = ordering.page(rows, sort, seen[-1] if seen else None, 7)
        seen += part
    assert seen == whole
    keys = {
        "": lambda e: -e.recorded_at.timestamp(),
        "oldest": lambda e: e.recorded_at.timestamp(),
        "longest": lambda e: -e.ticks,
        "shortest": lambda e: e.ticks,
        "worst": lambda e: -sum({"bad": 100, "warn": 10}[m["severity"]] for m in e.marks),
    }
    assert [keys[sort](e) for e in whole] == sorted(keys[sort](e) for e in whole)


@pytest.mark.parametrize("sort", ["", "oldest", "longest", "shortest", "worst"])
def test_it_walks_a_list_in_the_order_that_is_shown(cups: Dataset, mixed: list[Episode], sort: str) -> None:
    asked = Filter(sort=sort, shorter="2")
    whole, _ = ordering.page(rows_in(cups, "review", asked), sort, None, 100)
    first, second, third = whole[:3]
    near = neighbours("review", second, asked)
    assert (near.previous, near.next) == (first, third)
    round_the_list = [str(episode.pk) for episode in whole[2:] + whole[:1]]  # behind it, then from the beginning
    assert near.ahead.split() == round_the_list[: ordering.PRELOADED]
    assert (near.position, near.total) == (2, len(whole))
    assert neighbours("review", whole[-1], asked).ahead.startswith(str(first.pk))
    Episode.objects.filter(pk=second.pk).update(verdict="keep")  # it has left the list: its place stays
    second.refresh_from_db()
    assert neighbours("review", second, asked).next == third


def test_it_asks_the_worst_first_in_one_query(cups: Dataset, mixed: list[Episode]) -> None:
    rows = rows_in(cups, "all", Filter())
    with CaptureQueriesContext(connection) as asked:
        ordering.page(rows, "worst", mixed[3], 7)
    assert len(asked) == 1


def test_it_weighs_marks_however_they_are_written(cups: Dataset) -> None:
    bad, late = mark("nan", "bad"), mark("late")
    made = take(cups, marks=[late])
    other = take(cups, 1)
    other.marks = [bad, bad, late]
    other.save(update_fields=["marks"])
    third = Episode(dataset=cups, marks=[bad, mark("black", "bad")])
    Episode.objects.bulk_create([third])
    fourth = take(cups, 2, marks=[late])
    cups.episodes.filter(pk=fourth.pk).update(marks=[bad])
    fifth = take(cups, 3)
    fifth.marks = [bad]
    Episode.objects.bulk_update([fifth], ["marks"])
    weights = dict(Episode.objects.values_list("pk", "marks_weight"))
    assert weights == {made.pk: 10, other.pk: 110, third.pk: 200, fourth.pk: 100, fifth.pk: 100}
