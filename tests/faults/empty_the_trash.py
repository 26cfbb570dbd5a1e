"""Scenario: empty the trash of the home; say `emptied`. And `make_home`: two rejected takes, and one that is kept."""

from __future__ import annotations

import sys
from pathlib import Path

from recorder.actor import WORKER, Actor
from tests.support.takes import make_take

CAMERAS = ("front",)


def main(home: Path) -> None:
    from recorder.review.trash import empty_trash

    empty_trash(actor=Actor("olga"))
    sys.stdout.write("emptied\n")


def make_home(home: Path) -> None:
    """Called in a process whose settings mean `home`."""
    from django.core.management import call_command

    from recorder.catalog.takes import index_take
    from recorder.models import Dataset, Episode
    from recorder.review.verdicts import set_verdict

    call_command("migrate", verbosity=0, interactive=False)
    Dataset.objects.create(slug="cubes", title="Cubes")
    verdicts = ("reject", "reject", "keep")
    ids = [make_take(home / "spool", 3, episode=n, cameras=CAMERAS).name for n, _ in enumerate(verdicts)]
    for pk, verdict in zip(ids, verdicts, strict=True):
        index_take(take_id=pk, actor=WORKER)
        (home / "staging" / pk).mkdir(parents=True)
        (home / "staging" / pk / "front.mp4").write_bytes(b"encoded")
        set_verdict(episodes=list(Episode.objects.filter(pk=pk)), verdict=verdict, actor=Actor("olga"))
