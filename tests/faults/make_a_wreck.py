"""Scenario: make a home in which everything is half done: what `manage.py recover` is for."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.support.commit_a_batch import encode, episode
from tests.support.takes import features, make_take

CAMERAS = ("front",)
IDS = [f"5b0e4b9c-7a11-4d5e-9a6d-0c8f6f1f4b{n:02}" for n in range(5)]
COMMITTED, UNKNOWN, CUT, ASIDE, ENCODING = IDS


def main(home: Path) -> None:
    from django.core.management import call_command

    from recorder.actor import WORKER, Actor
    from recorder.catalog.takes import index_take
    from recorder.jobs.encoding import start_encoding
    from recorder.models import Dataset, Episode
    from recorder.review.verdicts import set_verdict

    call_command("migrate", verbosity=0, interactive=False)
    dataset = Dataset.objects.create(slug="cubes", title="Cubes")
    for number, pk in enumerate(IDS):
        make_take(home / "spool", 4, episode=number, cameras=CAMERAS, take_id=pk)
    for pk in (COMMITTED, ASIDE, ENCODING):
        index_take(take_id=pk, actor=WORKER)
    Episode.objects.filter(pk=ENCODING).update(verdict="keep")
    operation = start_encoding(dataset=dataset, actor=Actor("olga"))
    operation.jobs.update(state="running", token="dead", attempt=1, lease_until="2020-01-01T00:00:00Z")
    set_verdict(episodes=list(Episode.objects.filter(pk=ASIDE)), verdict="reject", actor=Actor("olga"))
    (home / "spool" / ASIDE).rename(home / "spool" / f".removing-{ASIDE}")
    _tear(home / "spool" / CUT)
    _half_commit(home)


def _tear(folder: Path) -> None:
    """As its recorder left it when it was killed: still `recording`, the last row half there."""
    from robotdata.spool import read_manifest, write_manifest

    write_manifest(folder, read_manifest(folder) | {"state": "recording", "ticks": 0})
    rows = folder / "rows.arrow"
    os.truncate(rows, rows.stat().st_size - 300)


def _half_commit(home: Path) -> None:
    """The next state is whole and has its plan beside it; the swap has not been done."""
    from robotdata.dataset import DatasetSpec, commit_episodes
    from robotdata.dataset.write.swap import NEXT, READY
    from robotdata.files.json_files import write_new_json

    encode(home, home / "spool" / COMMITTED)
    new = [episode(home, home / "spool" / COMMITTED)]
    root, work = home / "datasets/cubes", home / "datasets/.work"
    spec = DatasetSpec(30, "sim_arm", features(CAMERAS))
    commit_episodes(root, spec, new, work=work, revisions=home / "datasets/.revisions/cubes")
    folder = work / "cubes@abc"
    shutil.copytree(root, folder / NEXT)
    write_new_json(folder / READY, {"dataset": "cubes", "fresh": False, "from": 1, "to": 2})
