"""Pages by keyset: every list goes through all of its rows once, also where many stand at one place of its order."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from recorder.browse import ordering
from recorder.browse.filters import SORTS
from recorder.models import Dataset, Episode

pytestmark = pytest.mark.django_db


@pytest.fixture
def alike() -> list[str]:
    """Rejected takes of one moment, length and weight, by their ids, the newest first."""
    dataset, now = Dataset.objects.create(slug="d", title="d"), timezone.now()
    for _ in range(7):
        Episode.objects.create(
            dataset=dataset, state="recorded", verdict="reject", task="push", ticks=30, recorded_at=now
        )
    return [str(pk) for pk in Episode.objects.newest_first().values_list("pk", flat=True)]


@pytest.mark.parametrize("sort", SORTS)
def test_a_list_shows_each_row_once_in_every_order(alike: list[str], sort: str) -> None:
    seen: list[str] = []
    last, more = None, True
    while more:
        found, more = ordering.page(Episode.objects.all(), sort, last, 2)
        seen += [str(each.pk) for each in found]
        last = found[-1]
    assert len(seen) == len(alike) and set(seen) == set(alike)


def test_the_api_and_the_trash_go_through_the_same_order(person: Client, alike: list[str]) -> None:
    listed: list[str] = []
    query = "limit=2"
    while query:
        page = person.get(f"/api/episodes?{query}").json()
        listed += [each["id"] for each in page["items"]]
        query = page["next"] and f"limit=2&after={page['next']}"
    assert listed == alike
    rest = person.get(f"/trash/?after={alike[1]}", headers={"HX-Request": "true"})
    assert [str(each.pk) for each in rest.context["episodes"]] == alike[2:]


def test_names_go_on_behind_one_that_is_gone(person: Client) -> None:
    for slug in ("a", "c", "d"):
        Dataset.objects.create(slug=slug, title=slug)
    page = person.get("/api/datasets?limit=1&after=b").json()
    assert ([each["slug"] for each in page["items"]], page["next"]) == (["c"], "c")
