"""What a camera gives as JPEG is whole where decoders read it whole, and shows people what training gets."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray
from PIL import Image, ImageOps

from robotdata.video import barcode
from robotdata.video.colours import to_rgb
from robotdata.video.jpeg import ImageError, decode_jpeg, jpeg_size
from robotdata.video.jpeg_door import JpegDoor, PlainForm, plain_jpeg
from robotdata.video.sources import FrameConverter
from tests.video.odd_jpegs import adobe, broken, exif, save, whole, with_segments, without

TICK, SIZE = 1234, (288, 96)
Rgb = NDArray[np.uint8]
_ANY = np.zeros((64, 64, 3), np.uint8)


@pytest.fixture
def scene(picture: Callable[..., Rgb]) -> Rgb:
    return picture(TICK, width=SIZE[0], height=SIZE[1])


def as_a_browser_shows_it(data: bytes) -> Rgb:
    """Decoded by libjpeg and turned as EXIF says; a picture with a colour profile would be managed, so it has none."""
    with Image.open(io.BytesIO(data)) as image:
        assert "icc_profile" not in image.info
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def as_training_gets_it(data: bytes) -> Rgb:
    """By FFmpeg, as the encoder of the dataset's video takes it."""
    converter = FrameConverter()
    frame = converter.convert(converter.open(data), "yuv444p")
    return to_rgb(VideoReformatter(), frame).to_ndarray()


def alike(one: Rgb, other: Rgb) -> bool:
    return one.shape == other.shape and bool(abs(one.astype(int) - other).mean() < 3)


@pytest.mark.parametrize("name", whole(_ANY))
def test_what_decoders_read_whole_comes_in(scene: Rgb, name: str) -> None:
    parts = JpegDoor().admit(whole(scene)[name])
    assert (parts.width, parts.height) == SIZE
    shown, trained = as_a_browser_shows_it(parts.data), as_training_gets_it(parts.data)
    assert barcode.read(shown).tick == barcode.read(trained).tick == TICK
    assert alike(shown, trained)
    assert alike(shown, scene if name != "grey" else np.asarray(Image.fromarray(scene).convert("L").convert("RGB")))
    assert JpegDoor().admit(parts.data).data == parts.data
    assert parts.data.endswith(b"\xff\xd9")


@pytest.mark.parametrize("name", broken(_ANY))
def test_what_is_not_whole_does_not_come_in(scene: Rgb, name: str) -> None:
    door = JpegDoor()
    with pytest.raises(ImageError):
        door.admit(broken(scene)[name])
    assert door.admit(save(scene)).width == SIZE[0]  # the next one is not spoilt by it


def test_an_ordinary_picture_is_stored_as_it_came(scene: Rgb) -> None:
    for options in ({}, {"subsampling": "4:4:4"}, {"progressive": True}, {"restart_marker_rows": 1}):
        data = save(scene, **options)
        assert JpegDoor().admit(data).data is data


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_camera_that_says_how_it_is_held_is_turned(scene: Rgb, orientation: int) -> None:
    upside = {2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}.get(orientation, 1)
    stored = Image.fromarray(scene)
    stored.getexif()[0x0112] = upside
    held = np.asarray(ImageOps.exif_transpose(stored))
    data = with_segments(save(held), exif(orientation))
    assert barcode.read(as_a_browser_shows_it(data)).tick == TICK
    parts = JpegDoor().admit(data)
    assert (parts.width, parts.height) == SIZE
    assert barcode.read(as_a_browser_shows_it(parts.data)).tick == TICK
    assert alike(as_a_browser_shows_it(parts.data), as_training_gets_it(parts.data))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_older_take_is_shown_as_it_was_encoded(scene: Rgb, orientation: int) -> None:
    """What says how to turn it is stored in it, but no encoder has ever looked at that."""
    data = with_segments(save(scene, icc_profile=b"x" * 99), exif(orientation))
    shown = plain_jpeg(data)
    assert alike(as_a_browser_shows_it(shown), as_training_gets_it(data))
    assert (decode_jpeg(shown) == decode_jpeg(data)).all()


def test_colours_that_decoders_take_for_different_ones_are_settled(scene: Rgb) -> None:
    for data in (with_segments(without(save(scene, subsampling="4:2:0"), 0xE0), adobe(0)), save(scene, keep_rgb=True)):
        came = JpegDoor().admit(data).data
        assert alike(as_a_browser_shows_it(came), as_training_gets_it(came))
        assert alike(as_a_browser_shows_it(came), as_a_browser_shows_it(data))


def test_the_size_is_known_of_everything_that_comes_in(scene: Rgb) -> None:
    assert {jpeg_size(data) for data in whole(scene).values()} == {SIZE}


def test_a_known_header_changes_no_plain_form(scene: Rgb) -> None:
    """Each of them after a plain one, with the same header in front of damage, padding, or other coded data."""
    usual = save(scene)
    given = [*whole(scene).values(), *broken(scene).values(), save(scene[::-1])]
    given += [usual[:-2], usual + b"more", usual[:-2] + b"\xff\xff\xd9", usual[:-40], usual[:-2] + b"\xff\xda\xff\xd9"]
    for data in given:
        known = PlainForm()
        assert known.of(usual) == plain_jpeg(usual)
        try:
            expected = plain_jpeg(data)
        except ImageError:
            with pytest.raises(ImageError):
                known.of(data)
        else:
            assert known.of(data) == known.of(data) == expected
