"""What waits for a person, and the takes of the last seven days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from recorder.browse import today
from recorder.browse.counts import datasets_with_figures
from recorder.models import Dataset, Episode, Operation, Rig, Unopened

pytestmark = pytest.mark.django_db


def kinds() -> dict[str, int]:
    return {one.kind: one.count for one in today.waiting(datasets_with_figures())}


def test_nothing_waits_in_an_empty_home(home: Path) -> None:
    assert kinds() == {}


def test_what_waits_is_counted_by_kind(make_episode: Any, cubes: Dataset) -> None:
    for fields in (
        {"verdict": "unreviewed"},
        {"verdict": "unreviewed"},
        {"verdict": "keep"},
        {"verdict": "reject"},
    ):
        make_episode(**fields)
    failed = make_episode(verdict="keep")
    Episode.objects.filter(pk=failed.pk).update(state="failed", error="no space")
    Unopened.objects.create(kind="dataset", name="odd")
    assert kinds() == {"unopened": 1, "not_encoded": 1, "to_review": 2, "encodable": 2}


def test_a_failed_operation_waits_two_days(cubes: Dataset) -> None:
    now = timezone.now()
    for age in (timedelta(hours=3), timedelta(days=3)):
        Operation.objects.create(dataset=cubes, type="encode", state="failed", finished_at=now - age)
    Operation.objects.create(dataset=cubes, type="encode", state="done", finished_at=now)
    assert kinds() == {"failed": 1}


def test_a_dataset_in_the_trash_neither_waits_nor_counts(make_episode: Any, cubes: Dataset, client: Client) -> None:
    take = make_episode(verdict="unreviewed")
    Episode.objects.filter(pk=take.pk).update(rig=Rig.objects.create(name="arm"))
    Operation.objects.create(dataset=cubes, type="encode", state="failed", finished_at=timezone.now())
    Dataset.objects.filter(pk=cubes.pk).update(trashed_at=timezone.now())
    assert kinds() == {}
    assert sum(day.takes for day in today.week()) == 0
    client.force_login(User.objects.create_superuser("olga"))
    assert "Where do you want to begin" in client.get("/").text
    assert client.get("/today/?begin").status_code == 204
    Dataset.with_trash.filter(pk=cubes.pk).update(trashed_at=None)
    assert "data-waits" in client.get("/today/?begin").text


def test_a_disk_is_low_only_if_bytes_and_share_are_few(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    usage = type(today.shutil.disk_usage("/"))
    for total, free, low in ((10**12, 10**10, True), (10**12, 10**11, False), (64 * 10**9, 8 * 10**9, False)):
        monkeypatch.setattr(today.shutil, "disk_usage", lambda _, t=total, f=free: usage(t, t - f, f))
        assert (today.free_bytes_if_low() is not None) is low


def test_the_week_counts_the_takes_of_rigs_by_day_and_verdict(make_episode: Any, cubes: Dataset) -> None:
    rig = Rig.objects.create(name="arm")
    last = date(2026, 3, 10)

    def recorded(day: date, verdict: str, **fields: Any) -> None:
        take = make_episode(verdict=verdict, **fields)
        at = datetime(day.year, day.month, day.day, 23, 59, tzinfo=UTC)
        Episode.objects.filter(pk=take.pk).update(recorded_at=at, rig=rig, ticks=300, fps=30)

    recorded(last, "keep")
    recorded(last, "unreviewed")
    recorded(last - timedelta(days=6), "reject")
    recorded(last - timedelta(days=7), "keep")  # too old
    imported = make_episode(verdict="keep")
    Episode.objects.filter(pk=imported.pk).update(recorded_at=datetime(2026, 3, 10, tzinfo=UTC), rig=None)

    days = today.week(last)
    assert [day.date for day in days] == [last - timedelta(days=back) for back in range(6, -1, -1)]
    assert [(day.kept, day.to_review, day.rejected) for day in days] == [(0, 0, 1), *[(0, 0, 0)] * 5, (1, 1, 0)]
    assert [day.seconds for day in days] == [10.0, 0, 0, 0, 0, 0, 20.0]
    bars = today.bars(days)
    assert [(bar.part, bar.x, bar.y, bar.height) for bar in bars] == [
        ("rejected", 2.0, 50.0, 50.0),
        ("kept", 62.0, 50.0, 50.0),
        ("to-review", 62.0, 0.0, 50.0),
    ]


def test_goals_are_those_of_the_datasets_changed_last(make_episode: Any, cubes: Dataset) -> None:
    Dataset.objects.filter(pk=cubes.pk).update(goal=5)
    make_episode(verdict="keep")
    found = today.goals(datasets_with_figures())
    assert [(row["dataset"].slug, row["kept"], row["wanted"]) for row in found] == [("cubes", 1, 5)]
