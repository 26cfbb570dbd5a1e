"""Thresholds of one dataset: kept beside it, previewed, and every take judged by them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone

from recorder.actor import Actor
from recorder.catalog.datasets import change_dataset
from recorder.catalog.datasets_on_disk import load_settings
from recorder.errors import Refused
from recorder.models import Dataset, Episode
from recorder.quality import assess as quality
from recorder.quality.assess import assess, assess_by_id, thresholds_of
from recorder.quality.tasks import judge_dataset
from recorder.quality.thresholds import preview
from recorder.worker.sweep import check_datasets
from robotdata.quality import DEFAULT, TakeMetrics
from robotdata.quality.stored import METRICS_FILE
from robotdata.spool import read_manifest

pytestmark = pytest.mark.django_db

MakeEpisode = Callable[..., Episode]


def reach(number: int, ticks: int) -> Callable[[int], list[float]]:
    return lambda tick: [min(1.0, tick / ticks) * (1 + number / 50), tick / ticks]


@pytest.fixture
def takes(make_episode: MakeEpisode) -> list[Episode]:
    """Eight alike, and one that is 1.8 times as long: unusual, but not twice as long."""
    made = []
    for number in range(9):
        ticks = 162 if number == 8 else 90 + number % 3
        episode = make_episode(ticks, values=reach(number, ticks), verdict="unreviewed")
        made.append(episode)
    for episode in made:
        assess(episode=episode)
    return made


def marked(takes: list[Episode], code: str) -> list[int]:
    rows = Episode.objects.in_bulk([each.pk for each in takes])
    return [n for n, each in enumerate(takes) if code in {mark["code"] for mark in rows[each.pk].marks}]


def test_it_judges_every_take_by_the_datasets_own(
    cubes: Dataset, takes: list[Episode], bells: Any, django_capture_on_commit_callbacks: Any
) -> None:
    assert marked(takes, "length") == []
    with django_capture_on_commit_callbacks(execute=True):
        change_dataset(dataset=cubes, thresholds={"length": 1.5}, actor=Actor("olga"))
    assert ("judge_dataset", (cubes.pk,)) in bells
    judge_dataset(cubes.pk)
    assert marked(takes, "length") == [8]
    assert "length" in {mark["code"] for mark in read_manifest(takes[8].take_path)["marks"]}
    change_dataset(dataset=cubes, thresholds={}, actor=Actor("olga"))
    judge_dataset(cubes.pk)
    assert marked(takes, "length") == []


def test_a_lost_bell_is_rung_again_until_all_are_judged(
    cubes: Dataset, takes: list[Episode], bells: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    def rung(after: timedelta) -> int:
        bells.clear()
        with django_capture_on_commit_callbacks(execute=True):
            check_datasets(timezone.now() + after)
        return bells.count(("judge_dataset", (cubes.pk,)))

    minute = timedelta(minutes=1)
    assert rung(minute) == 0
    change_dataset(dataset=cubes, thresholds={"length": 1.5}, actor=Actor("olga"))
    assert rung(timedelta()) == 0, "its own bell has just been rung"
    assert (rung(minute), rung(minute)) == (1, 0), "once, not at every sweep"
    assert rung(-timedelta(days=1)) == 1, "the wall clock was set back"
    judge_dataset(cubes.pk)
    assert marked(takes, "length") == [8] and rung(timedelta(hours=1)) == 0


def test_a_change_while_they_are_judged_is_not_forgotten(
    cubes: Dataset, takes: list[Episode], bells: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    change_dataset(dataset=cubes, thresholds={"length": 1.5}, actor=Actor("olga"))
    judged = quality.rejudge_all

    def meanwhile(*, dataset: Dataset) -> int:
        change_dataset(dataset=Dataset.objects.get(pk=cubes.pk), thresholds={"length": 3.0}, actor=Actor("olga"))
        return judged(dataset=dataset)

    monkeypatch.setattr(quality, "rejudge_all", meanwhile)
    judge_dataset(cubes.pk)
    monkeypatch.undo()
    assert Dataset.objects.get(pk=cubes.pk).judge_by is not None
    judge_dataset(cubes.pk)
    assert Dataset.objects.get(pk=cubes.pk).judge_by is None and marked(takes, "length") == []


def test_it_says_beforehand_what_would_be_marked(cubes: Dataset, takes: list[Episode]) -> None:
    found = preview(cubes, {"length": 1.5})
    assert found["of"] >= found["takes"] > 0
    assert found["takes"] == 9
    assert {"code": "length", "now": 0, "then": 1} in found["marks"]
    assert found["marked"]["then"] == found["marked"]["now"] + 1
    assert marked(takes, "length") == [], "nothing was changed"


def test_it_keeps_them_beside_the_dataset(cubes: Dataset) -> None:
    change_dataset(dataset=cubes, thresholds={"length": 1.5, "z": DEFAULT.z}, actor=Actor("olga"))
    assert cubes.thresholds == {"length": 1.5}, "what is as usual needs no keeping"
    assert load_settings("cubes")["thresholds"] == {"length": 1.5}
    other = Dataset.objects.create(slug="cups", title="Cups")
    assert (thresholds_of(cubes).length, thresholds_of(other).length) == (1.5, DEFAULT.length)


@pytest.mark.parametrize("wrong", [{"lenght": 2.0}, {"length": -1.0}, {"z": 0.0}])
def test_it_refuses_what_is_no_threshold(cubes: Dataset, wrong: dict[str, float]) -> None:
    with pytest.raises(Refused, match=r"hreshold") as said:
        change_dataset(dataset=cubes, thresholds=wrong, actor=Actor("olga"))
    cubes.refresh_from_db()
    assert said.value.status == 422 and cubes.thresholds == {}


def test_it_can_be_set_through_api_and_page(cubes: Dataset, takes: list[Episode], client: Client) -> None:
    client.force_login(get_user_model().objects.create_user("olga"))
    body = {"thresholds": {"length": 1.5}}
    found = client.post("/api/datasets/cubes/marks/preview", body, content_type="application/json").json()
    assert {"code": "length", "now": 0, "then": 1} in found["marks"]
    assert client.patch("/api/datasets/cubes", body, content_type="application/json").json()["thresholds"] == {
        "length": 1.5
    }
    assert 'name="thresholds.length"' in client.get("/datasets/cubes/overview/").text
    assert 'value="1.5"' in client.get("/datasets/cubes/overview/").text
    assert (
        client.patch("/api/datasets/cubes", {"thresholds": None}, content_type="application/json").json()["thresholds"]
        == {}
    )


def test_a_take_that_is_measured_while_they_change_is_judged_by_the_new_ones(
    cubes: Dataset, takes: list[Episode], bells: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no measurement yet when all takes are compared."""
    (takes[8].take_path / METRICS_FILE).unlink()
    measure = quality._measure

    def changed_meanwhile(episode: Episode) -> TakeMetrics:
        change_dataset(dataset=Dataset.objects.get(pk=cubes.pk), thresholds={"length": 1.5}, actor=Actor("olga"))
        judge_dataset(cubes.pk)
        return measure(episode)

    monkeypatch.setattr(quality, "_measure", changed_meanwhile)
    assess_by_id(str(takes[8].pk))
    assert marked(takes, "length") == [8]
    assert Dataset.objects.get(pk=cubes.pk).judge_by is None, "nobody is asked to compare them again"
