"""What the wall changes in many takes at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from recorder.models import Change, Dataset, Episode
from tests.support.wall_rows import cups, person, take

__all__ = ["cups", "person"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def post(person: Client) -> Iterator[Any]:
    yield lambda url, **body: person.post(url, body, content_type="application/json")


def test_it_changes_words_of_many_and_undoes_them_as_one(post: Any, cups: Dataset) -> None:
    rows = [take(cups, n, labels=["late", "x"] if n else []) for n in range(3)]
    ids = [str(each.pk) for each in rows]
    said = {"task": "Stack", "add_labels": ["good", "x"], "remove_labels": ["late"]}
    answer = post("/api/episodes/edit", episodes=ids, **said)
    assert answer.status_code == 200 and answer.json()["episodes"] == 3
    assert [each.labels for each in Episode.objects.newest_first()] == [["good", "x"], ["x", "good"], ["x", "good"]]
    assert set(Episode.objects.values_list("task", flat=True)) == {"Stack"}
    assert len(set(Change.objects.values_list("group", flat=True))) == 1
    assert len(post("/api/undo").json()["episodes"]) == 3
    assert [each.labels for each in Episode.objects.newest_first()] == [[], ["late", "x"], ["late", "x"]]


def test_it_rates_many_and_adds_a_note_below_what_each_says(post: Any, cups: Dataset) -> None:
    rows = [take(cups, n, rating=2, note=said) for n, said in enumerate(["", "dark", "dark\nslips"])]
    ids = [str(each.pk) for each in rows]
    assert post("/api/episodes/edit", episodes=ids, rating=5, add_note=" slips ").status_code == 200
    assert [each.note for each in Episode.objects.newest_first()] == ["slips", "dark\nslips", "dark\nslips"]
    assert set(Episode.objects.values_list("rating", "task")) == {(5, "Put")}
    assert post("/api/episodes/edit", episodes=ids, rating=None).status_code == 200
    assert set(Episode.objects.values_list("rating", flat=True)) == {None}
    for _ in range(2):
        post("/api/undo")
    assert [each.note for each in Episode.objects.newest_first()] == ["", "dark", "dark\nslips"]
    assert set(Episode.objects.values_list("rating", flat=True)) == {2}


def test_a_note_that_would_be_too_long_is_added_to_none(post: Any, cups: Dataset) -> None:
    rows = [take(cups), take(cups, 1, note="x" * 9_990)]
    answer = post("/api/episodes/edit", episodes=[str(each.pk) for each in rows], add_note="y" * 20)
    assert answer.status_code == 422 and "10000" in answer.json()["error"]["message"]
    assert set(Episode.objects.values_list("note", flat=True)) == {"", "x" * 9_990}


def test_it_changes_none_where_one_cannot_be_changed(post: Any, cups: Dataset) -> None:
    rows = [take(cups), take(cups, 1, state="encoded", episode_index=0)]
    answer = post("/api/episodes/edit", episodes=[str(each.pk) for each in rows], task="Stack")
    assert answer.status_code == 409
    assert set(Episode.objects.values_list("task", flat=True)) == {"Put"}
