"""The totals that the database keeps are what counting every episode gives, whoever changes them and however."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from recorder.browse.filters import Filter, totals
from recorder.models import Dataset, Episode, EpisodeTotal
from recorder.models.groups import groups_of
from recorder.models.states import EpisodeState, Verdict
from recorder.models.total_triggers import EPISODES, has_triggers
from recorder.models.totals import ensure_totals, fold_totals, kept_groups

pytestmark = pytest.mark.django_db(transaction=True)
RAW = [EpisodeState.RECORDING, EpisodeState.RECORDED, EpisodeState.INTERRUPTED, EpisodeState.FAILED]
ACTS, WRITERS, WITHIN_S = 120, 3, 120


@pytest.fixture
def datasets(db: None) -> list[Dataset]:
    return [Dataset.objects.create(slug=f"set-{n}", title=f"Set {n}") for n in range(2)]


def seen(groups: list[Any]) -> dict[tuple[Any, ...], tuple[int, float]]:
    names = ("dataset_id", "task", "state", "verdict", "purged_at")
    return {tuple(group[name] for name in names): (group["n"], round(group["seconds"], 6)) for group in groups}


def agree() -> None:
    kept = kept_groups("dataset_id", "task")
    assert seen(kept) == seen(groups_of(Episode.objects.all(), "dataset_id", "task"))


def acts(chance: random.Random, datasets: list[Dataset]) -> Iterator[Callable[[], Any]]:
    """Yield changes of every kind: of a row, of many, in SQL, new, deleted, and taken back."""

    def new() -> Episode:
        row = Episode(dataset=chance.choice(datasets), task=f"task {chance.randrange(3)}", ticks=chance.randrange(90))
        row.state, row.verdict = chance.choice(RAW), chance.choice(Verdict.values)
        row.fps = chance.choice([30, 30, 29.97, 0])
        return row

    def some() -> Any:
        rows = list(Episode.objects.order_by("pk").values_list("pk", flat=True))
        return Episode.objects.filter(pk__in=chance.sample(rows, min(len(rows), chance.randrange(1, 5))))

    def save() -> None:
        for row in some():
            row.trim_first, row.task = chance.choice([None, 3]), f"task {chance.randrange(3)}"
            row.save()

    def bulk() -> None:
        rows = list(some())
        for row in rows:
            row.verdict = chance.choice(Verdict.values)
        Episode.objects.bulk_update(rows, ["verdict"])

    def taken_back() -> None:
        with transaction.atomic():
            some().update(ticks=7)
            new().save()
            transaction.set_rollback(True)

    while True:
        yield chance.choice(
            [
                lambda: Episode.objects.bulk_create([new() for _ in range(chance.randrange(4))]),
                lambda: new().save(),
                lambda: some().update(state=chance.choice(RAW)),
                lambda: some().update(purged_at=chance.choice([None, timezone.now()]), note="changed"),
                lambda: some().update(ticks=chance.randrange(90), trim_end=chance.choice([None, 40])),
                lambda: some().update(labels=["changes no total"]),
                lambda: some().delete(),
                lambda: fold_totals(chance.choice([1, 50])),
                save,
                bulk,
                taken_back,
            ]
        )


@pytest.mark.parametrize("seed", range(3))
def test_kept_totals_are_the_counted_ones_after_any_acts(datasets: list[Dataset], seed: int) -> None:
    changes = acts(random.Random(seed), datasets)
    for _ in range(ACTS):
        next(changes)()
        agree()
    fold_totals(1)
    agree()
    Episode.objects.all().delete()
    fold_totals(1)
    assert not EpisodeTotal.objects.exists(), "what adds up to nothing is not kept"


def test_they_are_right_though_several_write_and_add_up_at_once(datasets: list[Dataset]) -> None:
    def write(seed: int) -> None:
        chance = random.Random(seed)
        try:
            for number in range(25):
                row = Episode(dataset=datasets[number % 2], task=f"task {chance.randrange(3)}", ticks=number)
                row.save()
                Episode.objects.filter(pk=row.pk).update(verdict=chance.choice(Verdict.values), state="recorded")
                fold_totals(1)
        finally:
            connection.close()

    with ThreadPoolExecutor(WRITERS) as threads:
        for done in [threads.submit(write, seed) for seed in range(WRITERS)]:
            done.result(WITHIN_S)
    assert Episode.objects.count() == WRITERS * 25
    agree()
    fold_totals(1)
    agree()


def test_the_rows_of_a_page_of_totals_do_not_grow_with_the_episodes(datasets: list[Dataset]) -> None:
    def rows(more: int) -> int:
        Episode.objects.bulk_create(
            [Episode(dataset=datasets[0], task="stack", state="recorded", ticks=60) for _ in range(more)]
        )
        while fold_totals(1):
            pass
        return EpisodeTotal.objects.filter(dataset_id=datasets[0].pk).count()

    assert [rows(10), rows(500)] == [1, 1]
    found = totals(datasets[0], Filter(task="stack"))
    assert (found["review"]["episodes"], found["review"]["seconds"]) == (510, pytest.approx(510 * 2))


def test_a_table_that_was_made_anew_gets_its_triggers_and_totals_back(datasets: list[Dataset]) -> None:
    """As after a migration that changes the table on SQLite, or a restored copy without them."""
    suffix = f" ON {EPISODES}" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER recorder_total_insert{suffix}")
    Episode.objects.create(dataset=datasets[0], task="unseen", ticks=30)
    assert not has_triggers(connection)
    ensure_totals()
    agree()
    Episode.objects.create(dataset=datasets[0], task="seen", ticks=30)
    agree()


@pytest.mark.parametrize("wrong", [{"episodes": 2}, {"ticks": 31}, {"state": "encoded"}, {"task": "another"}, None])
def test_wrong_totals_are_counted_again(datasets: list[Dataset], wrong: dict[str, Any] | None) -> None:
    Episode.objects.create(dataset=datasets[0], task="lost", ticks=30)
    if wrong is None:
        EpisodeTotal.objects.all().delete()
    else:
        EpisodeTotal.objects.filter(task="lost").update(**wrong)
    ensure_totals()
    agree()
