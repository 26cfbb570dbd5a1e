"""What the wall counts: in every list, towards the goal, and with how few queries."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from recorder.browse.filters import Filter, rows_in, totals
from recorder.models import Dataset, Episode, Rig, Session
from tests.support.wall_rows import NOON, cups, mark, person, take

__all__ = ["cups", "person"]
pytestmark = pytest.mark.django_db


def test_it_counts_what_is_found_in_every_list(cups: Dataset) -> None:
    take(cups, ticks=60)
    take(cups, 1, verdict="keep", trim_first=30)
    take(cups, 2, verdict="reject")
    take(cups, 3, state="encoded", episode_index=0, verdict="keep")
    take(cups, 4, task="Other")
    counted = totals(cups, Filter(task="Put"))
    assert {view: row["episodes"] for view, row in counted.items()} == {
        "review": 1,
        "kept": 1,
        "committed": 1,
        "all": 3,
    }
    assert counted["all"]["seconds"] == pytest.approx(2 + 2 + 3)


def test_it_asks_as_little_of_the_database_for_5000_takes_as_for_50(person: Client, cups: Dataset) -> None:
    def rows(count: int, begin: int) -> None:
        about = {"dataset": cups, "state": "recorded", "task": "Put", "ticks": 90}
        many = (
            Episode(**about, marks=[mark("late")] if n % 3 else [], recorded_at=NOON - timedelta(seconds=n))
            for n in range(begin, begin + count)
        )
        Episode.objects.bulk_create(many, batch_size=500)

    def queries(url: str) -> int:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            answer = person.get(url)
        assert answer.status_code == 200
        return len(asked)

    urls = [
        "/datasets/cups/?view=review",
        "/datasets/cups/wall/?view=all&mark=late&sort=worst",
        "/datasets/cups/frames/",
        "/datasets/cups/overview/",
    ]
    rows(50, 0)
    few = [queries(url) for url in urls]
    rows(4950, 50)
    assert [queries(url) for url in urls] == few
    assert max(few) <= 20
    page = person.get(urls[1]).text
    assert 'id="wall-count">3333</b>' in page


def test_it_says_how_far_each_task_is_towards_the_goal(cups: Dataset, person: Client) -> None:
    Dataset.objects.filter(pk=cups.pk).update(goal=3)
    for n in range(5):
        take(cups, n, verdict="keep")
    take(cups, 5, task="Stack", verdict="keep")
    take(cups, 6, task="Stack", verdict="reject")
    head = person.get("/datasets/cups/wall/head/").text
    assert "Goal: 4 of 6 kept" in head, "five of three make up for no other task"
    assert re.search(r">1</span> rejected", head)
    assert "Goal: 5 of 3 kept" in person.get("/datasets/cups/wall/head/", {"task": "Put"}).text
    page = person.get("/datasets/cups/edit/").text
    assert "Put: 5 of 3 kept" in page and "Stack: 1 of 3 kept" in page


def test_it_says_on_the_record_page_how_far_the_task_is(cups: Dataset, person: Client) -> None:
    Dataset.objects.filter(pk=cups.pk).update(goal=50)
    rig = Rig.objects.create(name="arm-2")
    Session.objects.create(rig=rig, dataset=cups, task="Pick the cube")
    for n in range(2):
        take(cups, n, task="Pick the cube", verdict="keep")
    take(cups, 3)
    assert "Pick the cube: 2 of 50 kept" in person.get("/record/arm-2/").text


def test_a_take_that_is_being_recorded_is_to_review_nowhere(person: Client, cups: Dataset) -> None:
    rig = Rig.objects.create(name="bench")
    session = Session.objects.create(rig=rig, dataset=cups, task="lift")
    take(cups, 1, session=session)
    take(cups, 2, session=session, state="recording", ticks=0)
    lists = totals(cups, Filter())
    assert (lists["review"]["episodes"], lists["all"]["episodes"]) == (1, 2)
    assert rows_in(cups, "review", Filter()).count() == 1
    assert person.get("/api/datasets/cups").json()["to_review"] == 1
    home, figures = person.get("/").content.decode(), person.get("/datasets/cups/figures/").content.decode()
    assert "<b>1</b><span>to review" in home and "<b>1</b><span>to review" in figures
    assert "1 to review" in person.get("/record/bench/takes/").content.decode()


def test_the_list_of_the_dataset_counts_what_is_rejected_in_it(person: Client, cups: Dataset) -> None:
    for n in range(4):
        done: dict[str, Any] = {"state": "encoded", "episode_index": n} if n < 2 else {}
        take(cups, n, verdict="reject" if n else "keep", **done)
    for view, count in (("committed", 1), ("all", 3)):
        head = person.get(f"/datasets/cups/wall/head/?view={view}").content.decode()
        (link, said) = re.findall(
            r'<a href="([^"]*verdict=reject[^"]*)"><span class="num">(\d+)</span> rejected', head
        )[0]
        assert int(said) == count
        shown = person.get(f"/datasets/cups/wall/ids/{link.replace('&amp;', '&')}").json()
        assert len(shown["editable"]) == count
