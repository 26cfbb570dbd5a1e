"""Scenario: two days of work in ROBOTDATA_HOME; after the first the database is copied to beside it.

`python -m tests.faults.two_days`
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from recorder.actor import WORKER, Actor

IDS = [f"5b0e4b9c-7a11-4d5e-9a6d-0c8f6f1f4b{n:02}" for n in range(8)]
COMMITTED, FRESH, JUDGED, TAKEN_BACK, GONE, NEW, CUP, BEFORE = IDS
QUICK = {"codec": "h264", "preset": "ultrafast"}


def main() -> None:
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)
    home = Path(settings.SPOOL_DIR).parent
    yesterday()
    now, copy = sqlite3.connect(settings.DATABASES["default"]["NAME"]), home.with_name("yesterday.sqlite3")
    with closing(now), closing(sqlite3.connect(copy)) as kept:
        now.backup(kept)
    today()


def take(pk: str, *, dataset: str = "cubes") -> None:
    from django.conf import settings

    from recorder.catalog.takes import index_take
    from tests.support.takes import make_take

    make_take(Path(settings.SPOOL_DIR), 4, episode=IDS.index(pk), cameras=("front",), take_id=pk, dataset=dataset)
    assert index_take(take_id=pk, actor=WORKER) is not None


def commit(slug: str, *pks: str) -> None:
    from recorder.jobs.encoding import start_encoding
    from recorder.models import Dataset, Episode, Operation
    from recorder.worker.encode import run_job
    from recorder.worker.run import run_operation

    operation = Operation.objects.filter(state__in=["queued", "encoding"], dataset__slug=slug).first()
    if operation is None:
        rows = list(Episode.objects.filter(pk__in=pks))
        operation = start_encoding(dataset=Dataset.objects.get(slug=slug), actor=Actor("olga"), episodes=rows)
    for job in operation.jobs.all():
        run_job(job.pk)
    run_operation(operation.pk)
    operation.refresh_from_db()
    assert operation.state == "done", operation.error


def judge(pk: str, verdict: str, **words: object) -> None:
    from recorder.models import Episode
    from recorder.review.verdicts import edit_episodes, set_verdict

    set_verdict(episodes=list(Episode.objects.filter(pk=pk)), verdict=verdict, actor=Actor("olga"))
    if words:
        edit_episodes(episodes=list(Episode.objects.filter(pk=pk)), actor=Actor("olga"), **words)


def yesterday() -> None:
    """One episode is committed, another is being encoded, one lies in the trash."""
    from recorder.catalog.datasets import create_dataset
    from recorder.jobs.encoding import start_encoding
    from recorder.models import Dataset, Episode

    cubes = create_dataset(title="Cubes", actor=Actor("olga"), encoding=QUICK)
    for pk in (COMMITTED, FRESH, JUDGED, TAKEN_BACK, GONE, BEFORE):
        take(pk)
    judge(COMMITTED, "keep")
    commit("cubes", COMMITTED)
    judge(TAKEN_BACK, "reject")
    judge(FRESH, "keep")
    start_encoding(
        dataset=Dataset.objects.get(pk=cubes.pk), actor=Actor("olga"), episodes=list(Episode.objects.filter(pk=FRESH))
    )


def today() -> None:
    """What was encoded is committed; much is judged; the trash is emptied; there is another dataset."""
    from recorder.catalog.datasets import change_dataset, create_dataset
    from recorder.models import Dataset, Episode
    from recorder.review.trash import empty_trash

    commit("cubes", FRESH)
    judge(COMMITTED, "reject", note="the cup fell", labels=["slip"])
    judge(JUDGED, "keep", labels=["slow"], rating=4, note="good", task="stack", trim_first=1, trim_end=3)
    judge(TAKEN_BACK, "keep")
    judge(GONE, "reject")
    empty_trash(episodes=list(Episode.objects.filter(pk=GONE)), actor=Actor("olga"))
    take(NEW)
    judge(NEW, "reject", note="dark")
    change_dataset(
        dataset=Dataset.objects.get(slug="cubes"),
        title="My cubes",
        policy="every",
        every=50,
        goal=7,
        actor=Actor("olga"),
    )
    create_dataset(title="Cups", actor=Actor("olga"), encoding=QUICK)
    take(CUP, dataset="cups")
    judge(CUP, "keep")
    commit("cups", CUP)


if __name__ == "__main__":
    main()
