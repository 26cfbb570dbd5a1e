"""A home of the test's own, takes whose every frame says which it is, and a queue that only listens."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from recorder.actor import WORKER, Actor
from recorder.catalog.takes import index_take
from recorder.jobs import notify
from recorder.jobs.encoding import start_encoding
from recorder.models import Dataset, Episode, Job, Operation
from recorder.quality.assess import assess
from recorder.worker import encode, run
from robotdata.dataset import verify_dataset
from robotdata.dataset.layout import SIDECAR
from robotdata.dataset.reader import DatasetFolder
from robotdata.spool import Row, TakeWriter
from robotdata.video import open_video
from robotdata.video.barcode import Barcode, draw, read
from robotdata.video.jpeg import encode_jpeg
from tests.support.saved_state import SavedState
from viewer.committed_source import DECODERS
from viewer.locate import SOURCES

FRONT, TOP = "observation.images.front", "observation.images.top"
H264 = {"codec": "h264", "crf": 23, "g": 2, "preset": "ultrafast", "pix_fmt": "yuv420p"}
SIZE = (288, 64)
START = datetime(2026, 11, 1, 12, tzinfo=UTC)


@cache
def picture(tick: int, number: int, camera: int) -> bytes:
    rgb = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
    draw(rgb, Barcode(tick, number, camera))
    return encode_jpeg(rgb, 92)


def write_take(folder: Path, *, number: int, ticks: int, cameras: tuple[str, ...], **more: Any) -> None:
    """A take in which tick t has frame t of every camera, with the episode's number in it.

    With `recorded_action` it holds both actions; what was requested is 100 more than what was sent.
    """
    fps = more.get("fps", 30)
    values = {"dtype": "float32", "shape": [2], "names": ["shoulder.pos", "elbow.pos"]}
    features: dict[str, Any] = {"action": values, "observation.state": values} | more.get("features", {})
    for key in cameras:
        features[key] = {"dtype": "video", "shape": [SIZE[1], SIZE[0], 3], "names": ["height", "width", "channels"]}
    about = {key: {"codec": "mjpeg", "width": SIZE[0], "height": SIZE[1]} for key in cameras}
    facts = {"fps": fps, "rig": "sim", "robot_type": "arm", "task": more.get("task", "push")}
    facts |= {"session": more.get("session", ""), "dataset": more.get("dataset", "cubes")}
    facts |= {"recorded_action": more["recorded_action"]} if "recorded_action" in more else {}
    writer = TakeWriter(folder, facts, features, about)
    for tick in range(ticks):
        now, frames = round(tick * 1e9 / more.get("rate", fps)), {}
        for camera, key in enumerate(cameras if tick >= more.get("first_frame", 0) else ()):
            writer.add_frame(key, tick, now, picture(tick, number, camera))
            frames[key] = (tick, now)
        state = more.get("values", lambda t: [t, -t])(tick)
        row: dict[str, Any] = {name: np.array(state, np.float32) for name in features if name not in cameras}
        row["action/requested"] = row["action"] + 100
        row |= {name: f"step {tick // 3}" for name, about in features.items() if about["dtype"] == "string"}
        writer.add_row(Row(tick, now + 1_000_000, now, row, frames))
    state = more.get("state", "recorded")
    if state == "recording":
        writer.close()
        return
    manifest = writer.finish(state, end_reason="interrupted" if state == "interrupted" else "stop")
    manifest["started_at"] = (START + timedelta(minutes=number)).isoformat()
    (folder / "take.json").write_text(json.dumps(manifest))


@pytest.fixture
def home(tmp_path: Path, settings: Any) -> Path:
    """Spool, datasets and staging of this test alone."""
    for name in ("spool", "datasets", "staging"):
        setattr(settings, f"{name.upper()}_DIR", tmp_path / name)
        (tmp_path / name).mkdir()
    settings.STATE_DIR = tmp_path / "state"
    settings.STATE_DIR.mkdir(exist_ok=True)
    return tmp_path


@pytest.fixture
def bells() -> Iterator[list[tuple[str, tuple[Any, ...]]]]:
    """What was rung; nothing is sent."""
    rung: list[tuple[str, tuple[Any, ...]]] = []
    with pytest.MonkeyPatch.context() as patch:  # its own: a test may undo its patches half way
        patch.setattr(notify, "_send", lambda name, args: rung.append((name.removeprefix(notify.PREFIX), args)))
        yield rung


@pytest.fixture
def cubes(home: Path, bells: Any, db: None) -> Dataset:
    """An empty dataset that encodes quickly."""
    return Dataset.objects.create(slug="cubes", title="Cubes", encoding=H264)


@pytest.fixture
def make_episode(cubes: Dataset, settings: Any) -> Callable[..., Episode]:
    """A recorded episode, from its folder; the n-th that is made has the number n in its pictures."""

    def make(ticks: int = 8, cameras: tuple[str, ...] = (FRONT,), *, verdict: str = "keep", **more: Any) -> Episode:
        make.made += 1
        pk = uuid.uuid4()
        write_take(Path(settings.SPOOL_DIR) / str(pk), number=make.made, ticks=ticks, cameras=cameras, **more)
        episode = index_take(take_id=str(pk), actor=WORKER)
        assert episode is not None
        if verdict != "unreviewed":
            Episode.objects.filter(pk=pk).update(verdict=verdict)
            episode.refresh_from_db()
        return episode

    make.made = 0
    return make


FOUR = (8, 6, 7, 5)
SAVED: list[tuple[SavedState, int, list[Any]]] = []


@pytest.fixture
def four(
    transactional_db: None, home: Path, cubes: Dataset, bells: list[Any], make_episode: Callable[..., Episode]
) -> list[Episode]:
    """Four committed episodes of so many frames; the pictures of the n-th carry the number n + 1.

    The first test of a process records and encodes them; the others get copies of its folders and rows.
    """
    assert not Episode.objects.exists(), "a test names this fixture before those that make takes"
    if SAVED:
        state, pk, rung = SAVED[0]
        cubes.delete()
        state.put(home)
        cubes.pk = pk
        bells += rung
        make_episode.made += len(FOUR)  # type: ignore[attr-defined]
        return list(Episode.objects.order_by("episode_index"))
    assert Dataset.objects.get() == cubes
    before = len(bells)
    for ticks in FOUR:
        make_episode(ticks)
    work(start_encoding(dataset=cubes, actor=Actor("olga")))
    SAVED.append((SavedState.save(home), cubes.pk, bells[before:]))
    return list(Episode.objects.order_by("episode_index"))


def entry(episode: Episode) -> dict[str, Any]:
    """What the dataset's sidecar says of it."""
    entries = json.loads((episode.dataset.path / SIDECAR).read_text())["episodes"]
    return dict(next(one for one in entries if one["uuid"] == str(episode.pk)))


def frames(dataset: Dataset) -> list[tuple[int, list[int]]]:
    """For each episode its number in the pictures, and their ticks; nobody finds a fault in the dataset."""
    assert verify_dataset(dataset.path, deep=True).problems == []
    return [(shown[0][1], [tick for tick, _ in shown]) for shown in codes(dataset)]


def work(operation: Operation) -> Operation:
    """What the workers would do, here and now."""
    for pk in Job.objects.waiting().filter(operation=operation).values_list("pk", flat=True):
        encode.run_job(pk)
    run.run_operation(operation.pk)
    operation.refresh_from_db()
    return operation


def codes(dataset: Dataset, camera: str = FRONT) -> Iterator[list[tuple[int, int]]]:
    """For each committed episode, (tick, episode's number) of each of its frames, decoded."""
    opened = DatasetFolder.open(dataset.path)
    for info in opened.episodes:
        span = info.videos[camera]
        with open_video(span.path) as video:
            frames = [read(video.frame(n)) for n in range(span.first_frame, span.first_frame + span.frames)]
        yield [(code.tick, code.episode) for code in frames]


@pytest.fixture
def olga(client: Client, transactional_db: None) -> Client:
    """A browser in which Olga is signed in. Without a password, because hashing one takes a second."""
    client.force_login(get_user_model().objects.create_user("olga"))
    return client


@pytest.fixture
def person(client: Client, db: None) -> Client:
    """olga, signed in, in a transaction of the test."""
    client.force_login(get_user_model().objects.create_user("olga"))
    return client


@pytest.fixture
def measured(make_episode: Callable[..., Episode], cubes: Dataset) -> list[Episode]:
    """Three takes that are measured; the first joint of the n-th goes from 10 n to 10 n + 9.9."""

    def values(number: int) -> Callable[[int], list[float]]:
        return lambda tick: [10 * number + tick / 9, math.sin(tick / 9)]

    takes = [make_episode(90, (), values=values(number)) for number in range(3)]
    for take in takes:
        assess(episode=take)
    return takes


@pytest.fixture
def administrator(client: Client, db: None) -> Client:
    """As `olga`, with every right."""
    client.force_login(get_user_model().objects.create_superuser("olga"))
    return client


@pytest.fixture
def files_closed() -> Iterator[None]:
    """What the viewer's caches hold open is closed at the end."""
    yield
    SOURCES.clear()
    DECODERS.clear()
