"""Takes whose every frame says which it is, and their episodes."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from recorder.models import Dataset, Episode
from robotdata.dataset.write.commit import DatasetSpec, commit_episodes
from robotdata.dataset.write.new_episode import NewEpisode
from robotdata.export.encode import encode_camera
from robotdata.export.plan import plan_take
from robotdata.spool import Row, Take, TakeWriter
from robotdata.video import EncodeSettings
from robotdata.video.barcode import Barcode, draw
from robotdata.video.jpeg import encode_jpeg
from viewer.committed_source import DECODERS
from viewer.locate import SOURCES

FRONT, TOP, WRIST = (f"observation.images.{name}" for name in ("front", "top", "wrist"))
MakeTake = Callable[..., Path]


def picture(tick: int, camera: int, size: tuple[int, int] = (320, 240)) -> bytes:
    """A JPEG of `size` (width, height) with the tick in it; the episode's number is 7."""
    rgb = np.full((size[1], size[0], 3), 90, np.uint8)
    rgb[60:, :, camera % 3] = np.arange(size[0], dtype=np.uint8)
    draw(rgb, Barcode(tick, 7, camera))
    return encode_jpeg(rgb, 90)


def write_take(
    folder: Path,
    ticks: int = 30,
    cameras: tuple[str, ...] = (FRONT, TOP),
    *,
    fps: int = 30,
    size: tuple[int, int] = (320, 240),
    late: dict[str, int] | None = None,
    lost: tuple[int, ...] = (),
    state: str = "recorded",
    change: Callable[[bytes], bytes] = lambda packet: packet,
    recorded_action: str = "",
    clipped: float = 4,
) -> Path:
    """A take in which tick t has frame t of every camera; camera `late` has none before that tick, and
    frames `lost` were seen by the loop but never stored. `change` makes of each JPEG what is stored.

    With `recorded_action` it holds both actions: what was requested, and what was sent, at most `clipped`.
    state "recording" leaves it open, as a rig at work does (the writer's lock is let go).
    """
    names = ["shoulder.pos", "elbow.pos"]
    numbers = {"dtype": "float32", "shape": [2], "names": names}
    features: dict[str, Any] = {"action": numbers, "observation.state": numbers}
    for key in cameras:
        features[key] = {"dtype": "video", "shape": [size[1], size[0], 3], "names": ["height", "width", "channels"]}
    about = {key: {"codec": "mjpeg", "width": size[0], "height": size[1]} for key in cameras}
    facts = {"fps": fps, "rig": "sim", "task": "push", "dataset": "d"}
    facts |= {"recorded_action": recorded_action} if recorded_action else {}
    writer = TakeWriter(folder, facts, features, about)
    for tick in range(ticks):
        now, frames = tick * 1_000_000_000 // fps, {}
        for number, key in enumerate(cameras):
            if tick >= (late or {}).get(key, 0):
                if tick not in lost:
                    writer.add_frame(key, tick, now, change(picture(tick, number, size)))
                frames[key] = (tick, now)
        values = np.array([tick, -tick], np.float32)
        sent = np.minimum(values, clipped) if recorded_action else values
        row = {"action": sent, "action/requested": values, "observation.state": values + 0.5}
        writer.add_row(Row(tick, now + 5_000_000, now, row, frames))
    if state == "recording":
        writer.close()
    else:
        writer.finish(state)
    return folder


@pytest.fixture(scope="session", autouse=True)
def files_closed() -> Iterator[None]:
    """What the caches hold open is closed at the end."""
    yield
    SOURCES.clear()
    DECODERS.clear()


@pytest.fixture
def make_take(tmp_path: Path) -> MakeTake:
    """Writes a take into a temporary folder; see write_take."""
    return lambda ticks=30, cameras=(FRONT, TOP), **more: write_take(
        tmp_path / str(uuid.uuid4()), ticks, cameras, **more
    )


@pytest.fixture
def home(tmp_path: Path, settings: Any) -> Path:
    """Spool and datasets of this test alone."""
    settings.SPOOL_DIR, settings.DATASETS_DIR = tmp_path / "spool", tmp_path / "datasets"
    settings.SPOOL_DIR.mkdir()
    settings.DATASETS_DIR.mkdir()
    return tmp_path


@pytest.fixture
def dataset(home: Path, db: None) -> Dataset:
    return Dataset.objects.create(slug="d", title="D", fps=30)


@pytest.fixture
def make_episode(dataset: Dataset) -> Callable[..., Episode]:
    """An episode with its take in the spool."""

    def make(ticks: int = 30, **more: Any) -> Episode:
        fields = {name: more.pop(name) for name in ("trim_first", "trim_end") if name in more}
        episode = Episode(dataset=dataset, task="push", state=more.get("state", "recorded"), ticks=ticks, **fields)
        write_take(Path(settings.SPOOL_DIR) / str(episode.pk), ticks, **more)
        episode.save()
        return episode

    return make


@pytest.fixture
def olga(db: None) -> User:
    """She reviews."""
    return User.objects.create_user("olga", password="x")


@pytest.fixture
def signed_in(client: Client, olga: User) -> Client:
    """Her browser."""
    client.force_login(olga)
    return client


def commit_take(folder: Path, root: Path, trim: tuple[int, int] | None = None) -> int:
    """The take as an H.264 episode of the dataset at `root`; its number there."""
    work = root.parent.parent / "work"
    with Take.open(folder) as take:
        plan = plan_take(take, trim)
        rows = slice(plan.first_tick, plan.end_tick)
        encoded = {
            key: encode_camera(take, plan, key, work / f"{key}.mp4", EncodeSettings(codec="h264", preset="ultrafast"))
            for key in take.cameras
        }
        spec = DatasetSpec(fps=30, robot_type="sim", features=take.manifest["features"])
        episode = NewEpisode(
            uuid=folder.name,
            tasks="push",
            columns={name: take.signal(name)[rows] for name in ("action", "observation.state")},
            length=plan.rows,
            videos={key: camera.path for key, camera in encoded.items()},
            camera_stats={key: camera.stats for key, camera in encoded.items()},
        )
    revisions = root.parent / ".revisions" / root.name
    return commit_episodes(root, spec, [episode], work=work / "next", revisions=revisions).first_index


@pytest.fixture
def make_committed(make_episode: Callable[..., Episode]) -> Callable[..., Episode]:
    """An episode that was recorded and committed; its take is gone."""

    def make(ticks: int = 30, trim: tuple[int, int] | None = None, **more: Any) -> Episode:
        episode = make_episode(ticks, **more)
        episode.episode_index = commit_take(episode.take_path, episode.dataset.path, trim)
        episode.state = "encoded"
        episode.save()
        shutil.rmtree(episode.take_path)
        return episode

    return make
