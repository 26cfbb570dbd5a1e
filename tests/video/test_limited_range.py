"""Full range to limited range: every value that a plane can hold, against the formula of ITU-R BT.601."""

from __future__ import annotations

import av
import numpy as np
import pytest

from robotdata.video.limited_range import LimitedRange


def frame(width: int, height: int, seed: int) -> av.VideoFrame:
    made = av.VideoFrame(width, height, "yuvj420p")
    random = np.random.default_rng(seed)
    for plane in made.planes:
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
        rows[...] = random.integers(0, 256, rows.shape)
        rows.flat[:256] = np.arange(256)
    return made


def planes(given: av.VideoFrame) -> list[np.ndarray]:
    return [
        np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width].astype(float)
        for plane in given.planes
    ]


@pytest.mark.parametrize("size", [(640, 480), (642, 482), (322, 242), (1000, 16), (641, 479), (1280, 720)])
def test_it_is_the_formula_to_one_step(size: tuple[int, int]) -> None:
    convert = LimitedRange().convert
    for seed in range(2):
        full = frame(*size, seed)
        luma, *chroma = planes(full)
        made = convert(full)
        assert (made.width, made.height, made.format.name) == (*size, "yuv420p")
        got_luma, *got_chroma = planes(made)
        assert np.abs(got_luma - (16 + luma * 219 / 255)).max() <= 1
        assert got_luma.min() == 16 and got_luma.max() == 235
        for theirs, got in zip(chroma, got_chroma, strict=True):
            assert np.abs(got - (128 + (theirs - 128) * 224 / 255)).max() <= 1
            assert (got[theirs == 128] == 128).all()  # grey stays grey


def test_frames_of_changing_size_do_not_share_what_is_left_of_one_another() -> None:
    limited = LimitedRange()
    alone = [planes(LimitedRange().convert(frame(*size, 3))) for size in ((640, 480), (64, 48), (1280, 720))]
    together = [planes(limited.convert(frame(*size, 3))) for size in ((640, 480), (64, 48), (1280, 720))]
    for one, other in zip(alone, together, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
