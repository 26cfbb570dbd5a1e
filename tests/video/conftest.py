"""Barcoded frames: every picture says which frame of which episode it is, so a test can prove what it got."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from robotdata.video import EncodeSettings, barcode, encode_packets, open_video
from robotdata.video.jpeg import encode_jpeg

WIDTH, HEIGHT = 288, 64
QUICK = EncodeSettings(codec="h264", preset="ultrafast", g=2, threads=1)


@pytest.fixture
def picture() -> Callable[..., NDArray[np.uint8]]:
    """picture(tick, episode=0, width=288, height=64) -> uint8 (H, W, 3) with that barcode, and some texture."""
    return _picture


@pytest.fixture
def packets(picture: Callable[..., NDArray[np.uint8]]) -> Callable[..., list[bytes]]:
    """packets(count, episode=0, ...) -> barcoded JPEG packets 0 to count - 1."""

    def make(count: int, episode: int = 0, **size: int) -> list[bytes]:
        return [encode_jpeg(picture(tick, episode, **size)) for tick in range(count)]

    return make


@pytest.fixture
def video(tmp_path: Path, packets: Callable[..., list[bytes]]) -> Callable[..., Path]:
    """video(count, episode=0, fps=30, settings=QUICK, name=None) -> an MP4 of barcoded frames."""

    def make(
        count: int,
        episode: int = 0,
        fps: float = 30,
        settings: EncodeSettings = QUICK,
        name: str | None = None,
        **size: int,
    ) -> Path:
        path = tmp_path / (name or f"episode-{episode}.mp4")
        encode_packets(packets(count, episode, **size), path, fps=fps, settings=settings, overwrite=True)
        return path

    return make


@pytest.fixture
def ticks() -> Callable[[Path], list[tuple[int, int]]]:
    """ticks(path) -> (episode, tick) of every frame in the file, read from its pictures."""

    def read(path: Path) -> list[tuple[int, int]]:
        with open_video(path) as decoder:
            return [who(frame) for frame in decoder.frames()]

    return read


def who(frame: NDArray[np.uint8]) -> tuple[int, int]:
    """(episode, tick) of a frame, by its barcode."""
    code = barcode.read(frame)
    return code.episode, code.tick


def _picture(tick: int, episode: int = 0, width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.uint8]:
    rows, columns = np.mgrid[0:height, 0:width]
    shade: Sequence[NDArray[np.int64]] = (rows * 2 + tick * 3, columns + episode * 40, rows + columns + tick)
    rgb = (np.stack(shade, axis=-1) % 200 + 20).astype(np.uint8)
    barcode.draw(rgb, barcode.Barcode(tick, episode, 1))
    return rgb
