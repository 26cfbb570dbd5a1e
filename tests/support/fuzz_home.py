"""The home that mutated takes and datasets are put into: migrated once, with a good take and a good dataset in it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

TICKS = 6
GOOD_TAKE = "00000000-0000-4000-8000-00000000600d"
SLUG = "cubes"
RECORDED, KILLED, OLD = KINDS = ("recorded", "killed", "old")
"""A take that was ended in order, one whose recorder died, and one of either with rows of version 1."""

CAMERA = "observation.images.front"
FEATURES: dict[str, Any] = {
    "action": {"dtype": "float32", "shape": [3], "names": ["a.pos", "b.pos", "c.pos"]},
    "observation.state": {"dtype": "float32", "shape": [3], "names": ["a.pos", "b.pos", "c.pos"]},
    CAMERA: {"dtype": "video", "shape": [48, 64, 3], "names": ["height", "width", "channels"]},
}


def prepare(home: Path, template: Path) -> None:
    """Fill the template's folders and the database of `home`, in which Django is set up; called once."""
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.db import connections

    from recorder.models import Rig

    make_takes(template / "takes")
    make_dataset(template)
    call_command("migrate", verbosity=0)
    for name in ("spool", "datasets", "staging"):
        (home / name).mkdir(exist_ok=True)
    shutil.copytree(template / "takes" / RECORDED, home / "spool" / GOOD_TAKE)
    manifest = home / "spool" / GOOD_TAKE / "take.json"
    manifest.write_text(manifest.read_text().replace("@id@", GOOD_TAKE))
    shutil.copytree(template / "datasets" / SLUG, home / "datasets" / SLUG)
    get_user_model().objects.create_superuser("olga", password=None)
    Rig.objects.create(name="sim")
    call_command("recover", quiet=True)

    connections.close_all()
    for name in ("spool", "datasets", "staging", ".state"):
        shutil.copytree(home / name, template / "home" / name)


def restore(home: Path, template: Path) -> None:
    """Put the home back to what `prepare` left."""
    from django.db import connections

    connections.close_all()
    for name in ("spool", "datasets", "staging", ".state"):
        shutil.rmtree(home / name, ignore_errors=True)
        shutil.copytree(template / "home" / name, home / name, symlinks=True)


def make_takes(folder: Path) -> None:
    """One take of each kind; `@id@` stands for its id."""
    import numpy as np

    from robotdata.capture.records import Row
    from robotdata.spool import TakeWriter
    from robotdata.spool.rows import columns_of
    from robotdata.video.jpeg import encode_jpeg
    from tests.support.old_rows import old_rows

    facts = {"rig": "sim", "robot_type": "arm", "fps": 30, "task": "push the cube", "dataset": SLUG, "operator": "olga"}
    about = {CAMERA: {"codec": "mjpeg", "width": 64, "height": 48}}
    packets = [encode_jpeg(np.full((48, 64, 3), 30 * tick, np.uint8)) for tick in range(TICKS)]
    for kind in KINDS:
        writer = TakeWriter(folder / kind, facts | {"session": ""}, FEATURES, about)
        rows = []
        for tick in range(TICKS):
            now = 5_000_000_000 + tick * 33_333_333
            writer.add_frame(CAMERA, tick, now, packets[tick])
            joints = np.sin(np.arange(3, dtype=np.float32) + tick)
            values = {"action": joints, "observation.state": joints}
            rows.append(Row(tick, now, 1_790_000_000_000_000_000 + now, values, {CAMERA: (tick, now)}))
            writer.add_row(rows[-1])
        if kind == RECORDED:
            mark = {"code": "rate", "camera": None, "from_tick": 1, "to_tick": 3, "text": "slow"}
            said = {"labels": ["good"], "rating": 3, "note": "a note", "trim": [1, 5]}
            writer.finish(counters={"late_ticks": 0}, marks=[mark], curation=said)
        else:
            writer.close()
        if kind == OLD:
            pieces = old_rows(columns_of(FEATURES, [CAMERA]), rows)
            (folder / kind / "rows.arrow").write_bytes(b"".join(pieces))
        manifest = folder / kind / "take.json"
        manifest.write_text(manifest.read_text().replace(f'"id": "{kind}"', '"id": "@id@"'))


def make_dataset(template: Path) -> None:
    """Two episodes, committed as the product does; their UUIDs begin with eight zeros."""
    import numpy as np

    from robotdata.dataset import DatasetSpec, NewEpisode, commit_episodes
    from robotdata.dataset.stats import ImageStats
    from robotdata.video.codecs import EncodeSettings
    from robotdata.video.encode import encode_frames

    episodes = []
    for number in range(2):
        pictures = [np.full((48, 64, 3), 30 * tick + number, np.uint8) for tick in range(TICKS)]
        path = template / f"{number}.mp4"
        encode_frames(pictures, path, fps=30, settings=EncodeSettings(codec="h264", preset="ultrafast"))
        counted = ImageStats()
        for picture in pictures:
            counted.add(picture)
        joints = np.sin(np.arange(TICKS)[:, None] + np.arange(3)).astype(np.float32)
        values = {"action": joints, "observation.state": joints}
        uuid = f"00000000-0000-4000-8000-{number:012d}"
        stats, words = {CAMERA: counted.result()}, {"verdict": "keep", "labels": ["good"]}
        episodes.append(NewEpisode(uuid, "push the cube", values, TICKS, {CAMERA: path}, stats, words))
    root = template / "datasets" / SLUG
    places = {"work": template / "datasets/.work", "revisions": template / "datasets/.revisions" / SLUG}
    commit_episodes(root, DatasetSpec(30, "arm", FEATURES), episodes, **places)


def new_take(home: Path, template: Path, kind: str, name: str) -> Path:
    folder = home / "spool" / name
    shutil.copytree(template / "takes" / kind, folder)
    manifest = folder / "take.json"
    manifest.write_text(manifest.read_text().replace("@id@", name))
    return folder


def new_dataset(home: Path, template: Path, slug: str, number: int) -> Path:
    folder = home / "datasets" / slug
    shutil.copytree(template / "datasets" / SLUG, folder)
    sidecar = folder / "meta/robotdata.json"
    sidecar.write_text(sidecar.read_text().replace("00000000-0000-4000", f"{number + 1:08x}-0000-4000"))
    return folder


def shared_memory() -> Path:
    """Where a home costs no disk: memory, where the system has it."""
    place = Path("/dev/shm")
    return place if place.is_dir() and os.access(place, os.W_OK) else Path(os.environ.get("TMPDIR") or "/tmp")
