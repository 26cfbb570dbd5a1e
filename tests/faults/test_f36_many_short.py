"""F36: Many very short episodes, small files, every common rate: each episode begins at its exact frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from robotdata.dataset import DatasetFolder, DatasetSpec, NewEpisode, commit_episodes, verify_dataset
from robotdata.dataset.stats import ImageStats
from robotdata.video import EncodeSettings, encode_frames, open_video
from robotdata.video.barcode import Barcode, draw, read
from tests.support.sweeps import THOROUGH
from tests.support.takes import PREFIX, features

pytestmark = pytest.mark.faults
EPISODES = 2000 if THOROUGH else 120
LENGTH, KINDS = 3, 6
SIZE = (272, 48)
KEY = f"{PREFIX}front"


def clip(folder: Path, kind: int, fps: int) -> tuple[Path, ImageStats]:
    path, counted = folder / f"{kind}.mp4", ImageStats()
    pictures = []
    for tick in range(LENGTH):
        picture = np.full((SIZE[1], SIZE[0], 3), 80, np.uint8)
        draw(picture, Barcode(tick, kind, 0))
        counted.add(picture)
        pictures.append(picture)
    encode_frames(pictures, path, fps=fps, settings=EncodeSettings(codec="h264", preset="ultrafast"))
    return path, counted


@pytest.mark.parametrize("fps", [5, 24, 30, 60])
def test_it_is_exact_after_many_episodes(tmp_path: Path, fps: int) -> None:
    clips = [clip(tmp_path, kind, fps) for kind in range(KINDS)]
    values = np.zeros((LENGTH, 6), np.float32)
    new = [
        NewEpisode(
            f"00000000-0000-0000-0000-{n:012d}",
            "push the cube",
            {"action": values + n, "observation.state": values - n},
            LENGTH,
            {KEY: clips[n % KINDS][0]},
            {KEY: clips[n % KINDS][1].result()},
        )
        for n in range(EPISODES)
    ]
    spec = DatasetSpec(fps, "arm", features(("front",), SIZE), video_files_size_in_mb=0.05, data_files_size_in_mb=0.02)
    root = tmp_path / "datasets/short"
    commit_episodes(root, spec, new, work=tmp_path / "datasets/.work", revisions=tmp_path / "datasets/.revisions")
    assert verify_dataset(root).problems == []
    dataset = DatasetFolder.open(root)
    assert len(dataset.episodes) == EPISODES
    assert len({info.videos[KEY].path for info in dataset.episodes}) > 1, "several files"
    for info in dataset.episodes[:: EPISODES // 24]:
        span = info.videos[KEY]
        with open_video(span.path) as video:
            for place in (0, LENGTH - 1):
                code = read(video.frame(span.first_frame + place))
                assert (code.tick, code.episode) == (place, info.index % KINDS), info.index
