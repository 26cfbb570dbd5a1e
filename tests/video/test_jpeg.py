from __future__ import annotations

import numpy as np
import pytest

from robotdata.video.jpeg import ImageError, decode_jpeg, encode_jpeg, jpeg_size


def picture(width: int = 64, height: int = 48) -> np.ndarray:
    ramp = np.linspace(0, 255, width, dtype=np.uint8)
    return np.repeat(np.repeat(ramp[None, :, None], height, axis=0), 3, axis=2)


def test_it_gives_back_nearly_the_same_picture() -> None:
    rgb = picture()
    back = decode_jpeg(encode_jpeg(rgb))
    assert back.shape == rgb.shape and back.dtype == np.uint8
    assert np.abs(back.astype(int) - rgb).mean() < 2


def test_it_reads_the_size_without_decoding() -> None:
    assert jpeg_size(encode_jpeg(picture(640, 480))) == (640, 480)


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_it_decodes_a_smaller_picture(scale: int) -> None:
    assert decode_jpeg(encode_jpeg(picture(640, 480)), scale=scale).shape == (480 // scale, 640 // scale, 3)


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"<svg/>", b"\xff\xd8\xff\xe0\xff\xff"])
def test_it_refuses_what_is_no_jpeg(data: bytes) -> None:
    with pytest.raises(ImageError):
        decode_jpeg(data)


def test_it_refuses_a_cut_jpeg() -> None:
    data = encode_jpeg(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    with pytest.raises(ImageError, match="64x64"):
        decode_jpeg(data[: len(data) // 2])


def test_it_refuses_a_bomb_by_its_header() -> None:
    data = bytearray(encode_jpeg(picture()))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = b"\xff\xff\xff\xff"
    with pytest.raises(ImageError, match="65535x65535"):
        decode_jpeg(bytes(data))


def test_it_refuses_an_array_that_is_no_picture() -> None:
    with pytest.raises(ImageError, match="float64"):
        encode_jpeg(np.zeros((4, 4, 3)))
