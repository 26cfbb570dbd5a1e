from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from robotdata.dataset import DatasetSpec, commit_episodes
from robotdata.export import encode_camera, new_episode, plan_take
from robotdata.spool import Take
from robotdata.video import EncodeSettings, depth_packet
from robotdata.video.barcode import read
from robotdata.video.depth.colours import DepthColours
from tests.support.takes import PREFIX, make_take
from viewer.committed_source import CommittedSource
from viewer.take_source import TakeSource

FAR = PREFIX + "far"
QUICK = EncodeSettings(codec="h264", preset="ultrafast")


def shown(jpeg: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as image:
        return np.asarray(image.convert("RGB"))


def is_colourful(picture: np.ndarray) -> bool:
    below = picture[60:].astype(int)
    return bool((below.max(axis=2) - below.min(axis=2)).mean() > 60 and below.std() > 40)


def test_a_take_and_its_episode_show_the_same_depth_in_colours(tmp_path: Path) -> None:
    folder = make_take(tmp_path / "spool", 8, cameras=("front",), depth=("far",))
    source = TakeSource(folder)
    taken = [shown(source.jpeg(FAR, n)) for n in range(8)]
    source.close()
    with Take.open(folder) as take:
        plan = plan_take(take)
        made = {key: encode_camera(take, plan, key, tmp_path / f"{key}.mp4", QUICK) for key in take.cameras}
        episode = new_episode(take, plan, "push", made, take.id, {})
        spec = DatasetSpec(30, "sim", take.manifest["features"])
    root = tmp_path / "datasets" / "cubes"
    commit_episodes(root, spec, [episode], work=tmp_path / "work", revisions=tmp_path / "revisions")
    committed = CommittedSource(root, 0)
    assert {camera.key: (camera.width, camera.height) for camera in committed.cameras}[FAR] == (320, 240)
    kept = [shown(committed.jpeg(FAR, n)) for n in range(8)]
    for pictures in (taken, kept):
        assert [read(picture.max(axis=2)).tick for picture in pictures] == list(range(8))
        assert all(map(is_colourful, pictures))
    apart = np.abs(np.stack(taken).astype(int) - np.stack(kept))
    assert apart.mean() < 6, "what a take showed yellow its episode shows yellow"


def test_the_same_depth_has_the_same_colour_all_along() -> None:
    colours = DepthColours()
    wall = np.full((64, 64), 1000, np.uint16)
    wall[:32] = np.linspace(500, 2000, 64).astype(np.uint16)
    first = colours.picture(wall)
    near = wall.copy()
    near[:32] = 300  # a hand comes near: with a range for each picture all colours would jump
    assert (colours.picture(near)[40] == first[40]).all()
    assert (colours.picture(np.zeros_like(wall)) == 0).all()


def test_live_colours_follow_a_camera_that_is_carried_elsewhere() -> None:
    colours = DepthColours(follow=True)
    scene = np.linspace(400, 900, 64 * 64).reshape(64, 64).astype(np.uint16)
    colours.picture(scene)
    far = colours.picture(scene * 5)
    assert far.reshape(-1, 3).std(axis=0).max() > 60
    assert len(depth_packet(scene)) < scene.nbytes
