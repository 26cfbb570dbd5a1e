"""Scenario: judge a take, two takes at once, and a committed episode; say what the person was told of each.

`make_home` is called in a process whose settings mean `home`: three takes, one committed episode.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from recorder.actor import WORKER, Actor
from tests.support.takes import make_take

CAMERAS = ("front",)
IDS = [f"5b0e4b9c-7a11-4d5e-9a6d-0c8f6f1f4b{n:02}" for n in range(4)]
ACTS = {"one take": IDS[:1], "two takes": IDS[1:3], "committed": IDS[3:]}
NOTE = "the cup fell"


def main(home: Path) -> None:
    from django.db import Error

    from recorder.errors import Refused, database_message
    from recorder.models import Episode
    from recorder.review.verdicts import edit_episodes

    lines = []
    for act, ids in ACTS.items():
        try:
            edit_episodes(episodes=list(Episode.objects.filter(pk__in=ids)), note=NOTE, actor=Actor("olga"))
            told = ""
        except Refused as refused:
            told = refused.message
        except Error as error:
            told = database_message(error)
        lines.append(json.dumps({"act": act, "told": told}) + "\n")
    with contextlib.suppress(OSError):  # this writing may be the one that is broken: then again
        os.write(1, "".join(lines).encode())
        return
    os.write(1, "".join(lines).encode())


def make_home(home: Path) -> None:
    from django.core.management import call_command

    from recorder.catalog.takes import index_take
    from recorder.jobs.encoding import start_encoding
    from recorder.models import Dataset, Episode
    from recorder.worker.encode import run_job
    from recorder.worker.run import run_operation

    call_command("migrate", verbosity=0, interactive=False)
    quick = {"codec": "h264", "preset": "ultrafast"}
    dataset = Dataset.objects.create(slug="cubes", title="Cubes", encoding=quick)
    for number, pk in enumerate(IDS):
        make_take(home / "spool", 3, episode=number, cameras=CAMERAS, take_id=pk)
        index_take(take_id=pk, actor=WORKER)
    operation = start_encoding(dataset=dataset, actor=Actor("olga"), episodes=list(Episode.objects.filter(pk=IDS[3])))
    for job in operation.jobs.all():
        run_job(job.pk)
    run_operation(operation.pk)
