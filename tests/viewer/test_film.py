"""An episode is a film: every frame once, all cameras side by side, each with its name; of what is kept of a take."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from django.test import Client
from PIL import Image

from recorder.models import Episode
from robotdata.video import open_video
from robotdata.video.barcode import read
from tests.support.streamed import body_of
from viewer.film import Layout
from viewer.sources import CameraInfo

MakeEpisode = Callable[..., Episode]


def test_cameras_of_any_shape_stand_in_one_row() -> None:
    cameras = tuple(
        CameraInfo(key, key, *size) for key, size in {"a": (640, 480), "b": (1920, 1080), "c": (99, 301)}.items()
    )
    layout = Layout.of(cameras, 1000, 400)
    assert layout.width <= 1000
    assert layout.width % 2 == layout.height % 2 == 0
    ends = [cell.left + cell.width for cell in layout.cells]
    assert all(end < cell.left for end, cell in zip(ends, layout.cells[1:], strict=False))
    assert ends[-1] <= layout.width
    for cell, camera in zip(layout.cells, cameras, strict=True):
        assert abs(cell.width / layout.height - camera.width / camera.height) < 0.05


def test_a_take_is_an_mp4_with_every_kept_frame_of_every_camera(
    signed_in: Client, make_episode: MakeEpisode, tmp_path: Path
) -> None:
    take = make_episode(12, trim_first=3, trim_end=10)
    response = signed_in.get(f"/media/{take.pk}/film.mp4")
    data = body_of(response)
    assert (response.status_code, response["Content-Length"]) == (200, str(len(data)))
    (tmp_path / "film.mp4").write_bytes(data)
    with open_video(tmp_path / "film.mp4") as video:
        pictures = [np.asarray(picture) for picture in video.frames(range(video.count))]
    middle = pictures[0].shape[1] // 2 + 2
    shown = [[read(half).tick for half in (each[:, : middle - 4], each[:, middle:])] for each in pictures]
    assert shown == [[tick, tick] for tick in range(3, 10)]
    again = signed_in.get(f"/media/{take.pk}/film.mp4", headers={"Range": "bytes=100-199"})
    assert (again.status_code, body_of(again)) == (206, data[100:200])


def test_a_gif_moves_and_is_small(signed_in: Client, make_episode: MakeEpisode) -> None:
    take = make_episode(12)
    response = signed_in.get(f"/media/{take.pk}/film.gif")
    assert response["Content-Type"] == "image/gif"
    with Image.open(io.BytesIO(body_of(response))) as gif:
        assert gif.n_frames == 4  # 30 Hz, every third
        assert gif.info["duration"] == 100
        assert gif.width <= 720


def test_an_episode_that_is_not_there_has_no_film(signed_in: Client, db: None) -> None:
    assert signed_in.get("/media/00000000-0000-0000-0000-000000000000/film.mp4").status_code == 404
    assert Client().get("/media/00000000-0000-0000-0000-000000000000/film.mp4").status_code == 401
