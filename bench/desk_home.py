"""A home with thousands of takes in seconds: one that was really written, the others are links to its files.

`home_with(takes)` yields the folder, with Django set up on it and one dataset `bench`; quality marks, labels, lengths
and people differ from take to take.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

TASKS = ["Put the red cube on the mat", "Stack two cubes", "Open the drawer", "Fold the towel", "Hand over the cup"]
CODES = ["stale", "dropped", "frozen", "idle_start", "length", "jerk", "black"]
PEOPLE = ["olga", "ben", "mei", "sven"]
MOST_LINKS = 30_000
MORNING = datetime(2026, 11, 1, 8, tzinfo=UTC)


@contextlib.contextmanager
def home_with(takes: int) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="robotdata-desk-") as folder:
        os.environ["ROBOTDATA_HOME"] = folder
        os.environ.setdefault("ROBOTDATA_LOG", "ERROR")
        os.environ["DJANGO_SETTINGS_MODULE"] = "robotdata.settings"
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        fill(Path(folder), takes)
        yield Path(folder)


def fill(home: Path, takes: int, scale: Mapping[str, Any] = MappingProxyType({})) -> None:
    """Fill the home; `scale` are the units and limits that the rig says of its joints."""
    from recorder.models import Dataset, Episode, Rig
    from recorder.models.states import EpisodeState, Verdict
    from recorder.models.totals import fold_totals
    from robotdata.spool import read_manifest
    from robotdata.spool.manifest import new_curation
    from tests.support.takes import make_take

    (home / "spool").mkdir(exist_ok=True)
    (home / "datasets").mkdir(exist_ok=True)
    first = make_take(home / "spool", 60, dataset="bench", task=TASKS[0])
    manifest = read_manifest(first)
    for feature in ("action", "observation.state"):
        manifest["features"][feature] |= scale
    (first / "take.json").write_text(json.dumps(manifest, indent=1))
    chance = random.Random(7)
    rig = Rig.objects.create(name="sim")
    dataset = Dataset.objects.create(
        slug="bench", title="Bench", fps=30, goal=takes // 4, features=manifest["features"], robot_type="sim_arm"
    )
    rows: list[Episode] = []
    linked = first
    for number in range(takes):
        labels = chance.sample(["success", "occluded", "slow"], chance.randrange(3))
        trim_first = chance.choice([None, None, None, 5])
        trim = None if trim_first is None else [trim_first, 60]
        pk = uuid.UUID(first.name) if number == 0 else uuid.UUID(int=chance.getrandbits(128), version=4)
        said = about(chance, number)
        if number and number % MOST_LINKS == 0:  # a file has at most 65,000 names
            linked = Path(shutil.copytree(first, home / f"first-{number}"))
        if number:
            curation = {**new_curation(), "labels": labels, "trim": trim}
            link(linked, home / "spool" / str(pk), {**manifest, "id": str(pk), **said, "curation": curation})
        rows.append(
            Episode(
                id=pk,
                dataset=dataset,
                rig=rig,
                state=EpisodeState.RECORDED,
                verdict=Verdict.UNREVIEWED,
                fps=30,
                ticks=60,
                rate_hz=30.0,
                size_bytes=200_000,
                trim_first=trim_first,
                trim_end=trim and trim[1],
                labels=labels,
                recorded_at=MORNING + timedelta(seconds=20 * number),
                **said,
            )
        )
        if len(rows) == 500:
            Episode.objects.bulk_create(rows)
            rows.clear()
    Episode.objects.bulk_create(rows)
    while fold_totals(1):  # as the sweep does
        pass


def about(chance: random.Random, number: int) -> dict[str, Any]:
    marks = [
        {
            "code": code,
            "camera": "observation.images.front",
            "feature": None,
            "from_tick": 10,
            "to_tick": 20,
            "frame": 10,
            "severity": chance.choice(["note", "warn", "bad"]),
            "text": f"Camera front, {code.replace('_', ' ')} from 0.3 s to 0.7 s.",
            "source": "quality",
        }
        for code in chance.sample(CODES, chance.choice([0, 0, 1, 2, 3]))
    ]
    return {"task": TASKS[number % len(TASKS)], "operator": chance.choice(PEOPLE), "marks": marks}


def link(first: Path, folder: Path, manifest: dict[str, Any]) -> None:
    folder.mkdir()
    for file in first.iterdir():
        if file.name.endswith((".mkv", ".idx", ".arrow")):
            os.link(file, folder / file.name)
    (folder / "take.json").write_text(json.dumps(manifest, indent=1))
