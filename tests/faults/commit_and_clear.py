"""Scenario: a worker commits the batch that waits, then removes the raw frames; say `committed`. And `make_home`."""

from __future__ import annotations

import sys
from pathlib import Path

from recorder.actor import WORKER, Actor
from tests.support.takes import make_take

CAMERAS = ("front",)
TICKS = (6, 5)


def main(home: Path) -> None:
    from recorder.models import Operation
    from recorder.worker.run import run_operation

    run_operation(Operation.objects.get().pk)
    state = Operation.objects.get()
    sys.stdout.write(f"{'committed' if state.state == 'done' else state.state} {state.error}\n")


def make_home(home: Path) -> None:
    """Called in a process whose settings mean `home`: two takes, encoded and verified."""
    from django.core.management import call_command

    from recorder.catalog.takes import index_take
    from recorder.jobs.encoding import start_encoding
    from recorder.models import Dataset, Episode, Job
    from recorder.worker.encode import run_job

    call_command("migrate", verbosity=0, interactive=False)
    quick = {"codec": "h264", "crf": 23, "g": 2, "preset": "ultrafast", "pix_fmt": "yuv420p"}
    dataset = Dataset.objects.create(slug="cubes", title="Cubes", encoding=quick)
    for number, ticks in enumerate(TICKS):
        index_take(take_id=make_take(home / "spool", ticks, episode=number, cameras=CAMERAS).name, actor=WORKER)
    Episode.objects.update(verdict="keep")
    start_encoding(dataset=dataset, actor=Actor("olga"))
    for pk in Job.objects.values_list("pk", flat=True):
        run_job(pk)
