"""Small datasets whose frames say which they are: two cameras, six joints, several files of everything."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from robotdata.dataset import CommitResult, DatasetFolder, DatasetSpec, NewEpisode, commit_episodes
from robotdata.dataset.stats import ImageStats
from robotdata.video.barcode import Barcode, draw, read
from robotdata.video.codecs import EncodeSettings
from robotdata.video.decode import open_video
from robotdata.video.encode import encode_frames

FRONT, TOP = "observation.images.front", "observation.images.top"
CAMERAS = (FRONT, TOP)
WIDTH, HEIGHT = 272, 64
FPS = 30
NAMES = [f"joint_{n}.pos" for n in range(6)]
PICTURE = {"dtype": "video", "shape": [HEIGHT, WIDTH, 3], "names": ["height", "width", "channels"]}
FEATURES: dict[str, Any] = {
    "action": {"dtype": "float32", "shape": [6], "names": NAMES},
    "observation.force": {"dtype": "float64", "shape": [1], "names": None},
    "observation.touch": {"dtype": "bool", "shape": [2], "names": ["left", "right"]},
    FRONT: PICTURE,
    TOP: PICTURE,
}
H264 = EncodeSettings(codec="h264", preset="ultrafast")
LENGTHS = (5, 7, 4, 6, 3, 8)


def picture(tick: int, episode: int, camera: int) -> np.ndarray:
    made = np.full((HEIGHT, WIDTH, 3), 60 + 20 * camera + tick, np.uint8)
    draw(made, Barcode(tick, episode, camera))
    return made


def columns(length: int, seed: int) -> dict[str, np.ndarray]:
    ticks = np.arange(length)
    return {
        "action": np.sin(ticks[:, None] / 5 + np.arange(6) + seed).astype(np.float32),
        "observation.force": np.cos(ticks / 3 + seed),
        "observation.touch": np.stack([ticks % 2 == 0, ticks % 3 == 0], axis=1),
    }


def make_episode(
    folder: Path, number: int, length: int, task: str | Sequence[str] = "push the cube", settings: EncodeSettings = H264
) -> NewEpisode:
    """Episode `number`: frame n of camera c carries Barcode(n, number, c)."""
    videos, stats = {}, {}
    for camera, key in enumerate(CAMERAS):
        pictures = [picture(tick, number, camera) for tick in range(length)]
        path = folder / f"{number}-{key}.mp4"
        encode_frames(pictures, path, fps=FPS, settings=settings, overwrite=True)
        counted = ImageStats()
        for each in pictures:
            counted.add(each)
        videos[key], stats[key] = path, counted.result()
    uuid = f"00000000-0000-0000-0000-{number:012d}"
    return NewEpisode(uuid, task, columns(length, number), length, videos, stats, {"verdict": "keep"})


class Bench:
    """A dataset under test, and the ways to change it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.root = home / "datasets" / "cubes"
        self.places = {"work": home / "datasets/.work", "revisions": home / "datasets/.revisions/cubes"}

    def commit(self, episodes: Sequence[NewEpisode], **spec: Any) -> CommitResult:
        made = DatasetSpec(FPS, "arm", **{"features": FEATURES, **spec})
        return commit_episodes(self.root, made, episodes, **self.places)

    def open(self) -> DatasetFolder:
        return DatasetFolder.open(self.root)

    def shown(self) -> list[list[tuple[int, int, int]]]:
        """For each episode the barcodes of all its frames, camera after camera."""
        dataset = self.open()
        return [
            [code for key in CAMERAS for code in barcodes(dataset, episode.index, key)] for episode in dataset.episodes
        ]

    def fingerprint(self) -> dict[str, bytes]:
        return {
            path.relative_to(self.root).as_posix(): path.read_bytes() for path in self.root.rglob("*") if path.is_file()
        }


def barcodes(dataset: DatasetFolder, index: int, key: str) -> list[tuple[int, int, int]]:
    span = dataset.episode(index).videos[key]
    with open_video(span.path) as video:
        codes = [read(frame) for frame in video.frames(range(span.first_frame, span.first_frame + span.frames))]
    return [(code.episode, code.camera, code.tick) for code in codes]


def expected(number: int, length: int) -> list[tuple[int, int, int]]:
    return [(number, camera, tick) for camera in range(len(CAMERAS)) for tick in range(length)]


def packets(root: Path) -> set[bytes]:
    """The bytes of all video packets of the front camera."""
    found = set()
    for path in root.glob(f"videos/{FRONT}/*/*.mp4"):
        with av.open(str(path)) as container:
            found |= {bytes(packet) for packet in container.demux(video=0) if packet.size}
    return found


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """No dataset yet."""
    return Bench(tmp_path)


@pytest.fixture(scope="session")
def staged(tmp_path_factory: pytest.TempPathFactory) -> list[NewEpisode]:
    """Six encoded episodes of two tasks, ready to be committed."""
    folder = tmp_path_factory.mktemp("staged")
    return [make_episode(folder, n, length, f"task {n % 2}") for n, length in enumerate(LENGTHS)]


@pytest.fixture(scope="session")
def _recorded(tmp_path_factory: pytest.TempPathFactory, staged: list[NewEpisode]) -> Path:
    home = tmp_path_factory.mktemp("recorded")
    bench = Bench(home)
    for batch in (staged[:2], staged[2:5], staged[5:]):
        bench.commit(batch, data_files_size_in_mb=0.005, video_files_size_in_mb=0.006)
    return home


@pytest.fixture
def six(tmp_path: Path, _recorded: Path) -> Bench:
    """Six episodes from three commits, in several data files and several videos per camera."""
    home = tmp_path / "home"
    shutil.copytree(_recorded, home)
    return Bench(home)


MakeEpisode = Callable[..., NewEpisode]


@pytest.fixture
def new(tmp_path: Path) -> MakeEpisode:
    """Makes one more episode: `new(number, length, task=…)`."""
    return lambda number, length, *args, **kwargs: make_episode(tmp_path, number, length, *args, **kwargs)
