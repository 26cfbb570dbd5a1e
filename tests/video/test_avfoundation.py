"""Cameras of a Mac: what FFmpeg is asked for, with a film in the place of the camera; none was here to be tried."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from robotdata.video import live_source
from robotdata.video.avfoundation import decoded
from robotdata.video.live_source import LiveError, LiveSource

URL = "avfoundation:FaceTime HD Camera"


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What FFmpeg was asked for on a Mac; a film of two frames plays."""
    path = tmp_path / "film.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for value in (20, 220):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), value, np.uint8))))
        out.mux(stream.encode())
    calls: list[dict[str, Any]] = []
    really = av.open

    def opened(target: str, **options: Any) -> Any:
        calls.append({"target": target, **options})
        return really(str(path))

    monkeypatch.setattr(live_source.av, "open", opened)
    monkeypatch.setattr(sys, "platform", "darwin")
    return calls


def test_a_mac_is_asked_for_the_camera_without_sound_and_its_frames_are_read(asked: list[dict[str, Any]]) -> None:
    source = LiveSource(URL, 64, 48, 30)
    source.open()
    grays = [round(float(source.read()[0].mean()) / 20) for _ in range(2)]  # type: ignore[union-attr]
    source.close()
    assert grays == [1, 11]
    (call,) = asked
    assert (call["target"], call["format"]) == ("FaceTime HD Camera:none", "avfoundation")
    options = call["container_options"]
    assert (options["video_size"], options["framerate"]) == ("64x48", "30")


def test_elsewhere_it_says_what_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(LiveError, match="camera of a Mac; on Linux write"):
        LiveSource(URL, 64, 48, 30).open()


class Camera:
    """A container that has no frame yet every other time, as a Mac's camera."""

    def __init__(self, frames: int) -> None:
        self.left, self.asked = frames, 0

    def decode(self, _: Any) -> Iterator[int]:
        while self.left:
            self.asked += 1
            if self.asked % 2:
                raise BlockingIOError(35, "Resource temporarily unavailable")
            self.left -= 1
            yield self.left


def test_a_frame_that_is_not_there_yet_is_waited_for() -> None:
    assert list(decoded(Camera(3), None, 60.0)) == [2, 1, 0]


def test_a_camera_that_gives_none_is_given_up() -> None:
    with pytest.raises(BlockingIOError):
        list(decoded(Camera(3), None, -1.0))
