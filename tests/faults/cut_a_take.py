"""Scenario: cut the middle out of a take; print the message for the person.

`make_home` is called in a process whose settings mean `home`: one take that is kept.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from recorder.actor import WORKER, Actor
from tests.support.takes import make_take

TAKE, TICKS, CUT = "5b0e4b9c-7a11-4d5e-9a6d-0c8f6f1f4b00", 6, (2, 4)
OLGA = Actor("olga")


def main(home: Path) -> None:
    from django.db import Error

    from recorder.errors import Refused, database_message
    from recorder.models import Episode
    from recorder.review.cut_take import cut_take

    try:
        cut_take(episode=Episode.objects.get(), first=CUT[0], end=CUT[1], actor=OLGA)
        message = ""
    except Refused as refused:
        message = refused.message
    except Error as error:
        message = database_message(error)
    line = json.dumps({"message": message}).encode()
    with contextlib.suppress(OSError):  # this writing may be the one that is broken: then again
        os.write(1, line)
        return
    os.write(1, line)


def make_home(home: Path) -> None:
    from django.core.management import call_command

    from recorder.catalog.takes import index_take
    from recorder.models import Dataset
    from recorder.review.verdicts import set_verdict

    call_command("migrate", verbosity=0, interactive=False)
    Dataset.objects.create(slug="cubes", title="Cubes")
    make_take(home / "spool", TICKS, episode=1, cameras=("front",), take_id=TAKE)
    episode = index_take(take_id=TAKE, actor=WORKER)
    assert episode is not None
    set_verdict(episodes=[episode], verdict="keep", actor=OLGA)
