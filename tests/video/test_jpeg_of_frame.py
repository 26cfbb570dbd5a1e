"""A decoded frame becomes the JPEG that its RGB pixels become, whatever format, size and colours it has."""

from __future__ import annotations

import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter

from robotdata.video.colours import to_rgb
from robotdata.video.jpeg import encode_jpeg
from robotdata.video.jpeg_of_frame import image_jpeg, rgb_image

FORMATS = [
    "yuv420p",
    "yuvj420p",
    "yuv422p",
    "yuv444p",
    "yuv420p10le",
    "gray",
    "gray10le",
    "nv12",
    "gbrp",
    "rgb24",
    "bgra",
]
TEN_BITS = {"yuv420p10le", "gray10le"}


def noise(pix_fmt: str, size: tuple[int, int], matrix: int) -> av.VideoFrame:
    frame, random = av.VideoFrame(*size, pix_fmt), np.random.default_rng(7)
    for plane in frame.planes:
        samples = np.frombuffer(plane, np.uint16 if pix_fmt in TEN_BITS else np.uint8)
        samples[:] = random.integers(0, 1024 if pix_fmt in TEN_BITS else 256, samples.size)
    frame.colorspace = matrix
    return frame


@pytest.mark.parametrize("pix_fmt", FORMATS)
@pytest.mark.parametrize("size", [(64, 48), (37, 21), (1, 1), (640, 481)])
def test_it_is_the_jpeg_of_the_rgb_pixels(pix_fmt: str, size: tuple[int, int]) -> None:
    for matrix in (2, 1):  # not stated, and BT.709
        frame = noise(pix_fmt, size, matrix)
        rgb = np.asarray(to_rgb(VideoReformatter(), frame).to_ndarray(), np.uint8)
        assert image_jpeg(rgb_image(VideoReformatter(), frame), 90) == encode_jpeg(rgb, 90)


def test_the_image_keeps_its_pixels_when_the_frame_is_gone() -> None:
    reformatter = VideoReformatter()
    image = rgb_image(reformatter, noise("yuv420p", (64, 48), 2))
    expected = image_jpeg(image, 90)
    others = [rgb_image(reformatter, noise("gray", (64, 48), 2)) for _ in range(20)]  # they would take its memory
    assert image_jpeg(image, 90) == expected
    assert image_jpeg(others[0], 90) != expected
