"""A dataset is split by labels and by the filters of its page."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from recorder.actor import Actor
from recorder.catalog.split_parts import parts_by_filter, parts_by_label
from recorder.errors import Refused
from recorder.models import Dataset, Episode, Operation
from recorder.review.verdicts import edit_episodes
from recorder.worker import run
from tests.recorder.conftest import frames

pytestmark = pytest.mark.django_db(transaction=True)
OLGA = Actor("olga")


def label(episode: Episode, *labels: str) -> None:
    edit_episodes(episodes=[episode], actor=OLGA, labels=list(labels))


def test_one_part_for_each_label(four: list[Episode], cubes: Dataset) -> None:
    with pytest.raises(Refused, check=lambda refused: refused.code == "nothing"):
        parts_by_label(cubes)
    label(four[0], "day")
    label(four[1], "night")
    label(four[3], "day")
    expected = [("Cubes day", [str(four[0].pk), str(four[3].pk)]), ("Cubes night", [str(four[1].pk)])]
    assert parts_by_label(cubes) == expected
    label(four[2], "day", "night")
    with pytest.raises(Refused, check=lambda refused: refused.code == "several_labels"):
        parts_by_label(cubes)


def test_an_episode_goes_into_the_first_part_that_it_matches(four: list[Episode], cubes: Dataset) -> None:
    label(four[0], "day")
    label(four[2], "day")
    ids = [str(each.pk) for each in four]
    query = f"q={ids[1]}&sort=longest"
    parts = parts_by_filter(cubes, [("Day", "?label=day"), ("Second", query), ("Rest", "")])
    assert parts == [("Day", [ids[0], ids[2]]), ("Second", [ids[1]]), ("Rest", [ids[3]])]
    for filters in ([("Night", "label=night")], [("All", ""), ("Rest", "")]):
        with pytest.raises(Refused, check=lambda refused: refused.code == "nothing"):
            parts_by_filter(cubes, filters)


def test_the_api_splits_by_filter_and_label(
    four: list[Episode], cubes: Dataset, client: Client, admin_user: Any
) -> None:
    client.force_login(admin_user)
    label(four[1], "night")
    parts = [{"title": "Night", "filter": "label=night"}, {"title": "Day", "filter": ""}]
    kind = {"content_type": "application/json"}
    shown = client.post("/api/datasets/cubes/split/preview", {"parts": parts}, **kind).json()
    assert [(each["title"], each["episodes"]) for each in shown] == [("Night", 1), ("Day", 3)]
    begun = client.post("/api/datasets/cubes/split", {"parts": parts}, **kind).json()
    assert run.run_operation(begun["id"]) and Operation.objects.get(pk=begun["id"]).state == "done"
    assert [number for number, _ in frames(Dataset.objects.get(slug="night"))] == [2]
    assert [number for number, _ in frames(Dataset.objects.get(slug="day"))] == [1, 3, 4]
    shown = client.post("/api/datasets/cubes/split/preview", {"by": "label"}, **kind).json()
    assert [(each["title"], each["episodes"]) for each in shown] == [("Cubes night", 1)]
    mixed = [{"title": "A", "filter": ""}, {"title": "B", "share": 0.5}]
    assert client.post("/api/datasets/cubes/split/preview", {"parts": mixed}, **kind).status_code == 422
