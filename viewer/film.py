"""An episode as one picture after the other, with all cameras side by side and their names: as an MP4 or a GIF."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from robotdata.video import EncodeSettings, encode_frames
from robotdata.video.errors import VideoError
from robotdata.video.jpeg import ImageError
from viewer.errors import BadRequest, FilesChanged, Gone
from viewer.frames import Slots
from viewer.kept_files import kept_file
from viewer.pictures import open_scaled
from viewer.sources import CameraInfo, FrameSource

FILM_SLOTS = Slots(1, wait_s=60)
"""One film at a time: encoding takes all cores."""
LOG_SLOTS = Slots(1, wait_s=60)
"""One log at a time: it takes the disk. It need not wait for a film."""
MAX_HEIGHT, MAX_WIDTH = 480, 1920
GIF_HEIGHT, GIF_WIDTH = 200, 720
MAX_FRAMES = 20_000
GIF_RATE, GIF_SECONDS = 10.0, 60.0
GIF_COLOURS = 64
_DARK, _GAP = (24, 26, 30), 4
_SETTINGS = EncodeSettings(codec="h264", crf=23, g=30, preset="veryfast")
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Cell:
    """The place of a camera's frames in the picture: its left edge and its width in pixels."""

    camera: CameraInfo
    left: int
    width: int


@dataclass(frozen=True, slots=True)
class Layout:
    """All cameras in one row, `height` pixels high; `width` is even, as H.264 demands, and so is `height`."""

    cells: tuple[Cell, ...]
    width: int
    height: int

    @classmethod
    def of(cls, cameras: tuple[CameraInfo, ...], max_width: int, max_height: int) -> Layout:
        """Return the largest row that is at most `max_width` by `max_height`. Raises Gone if no camera can be shown."""
        visible = [camera for camera in cameras if camera.width > 0 and camera.height > 0]
        if not visible:
            raise Gone("no camera of this episode can be shown")
        gaps = _GAP * (len(visible) - 1)
        across = sum(camera.width / camera.height for camera in visible)
        tallest = max(camera.height for camera in visible)
        height = max(16, _even(min(max_height, tallest, (max_width - gaps) / across)))
        cells, left = [], 0
        for camera in visible:
            width = max(2, round(height * camera.width / camera.height))
            cells.append(Cell(camera, left, width))
            left += width + _GAP
        return cls(tuple(cells), _even(left - _GAP + 1), height)


def film_pictures(source: FrameSource, layout: Layout, frames: range) -> Iterator[Image.Image]:
    """Yield the picture of each frame, RGB. A frame that cannot be read leaves its camera's cell dark."""
    labels = [_label(cell, layout.height) for cell in layout.cells]
    for number in frames:
        picture = Image.new("RGB", (layout.width, layout.height), _DARK)
        for cell, label in zip(layout.cells, labels, strict=True):
            with contextlib.suppress(Gone, ImageError):
                data = _jpeg(source, cell.camera.key, number)
                frame = open_scaled(data, layout.height, mode="RGB")
                picture.paste(frame.resize((cell.width, layout.height)), (cell.left, 0))
            picture.paste(label, (cell.left, layout.height - label.height), label)
        yield picture


def make_mp4(source: FrameSource, span: Span, path: Path) -> None:
    """Write the film of frames [first, end) as an MP4 (H.264) at the episode's rate. Raises BadRequest, Gone."""
    if span[1] - span[0] > MAX_FRAMES:
        raise BadRequest(f"this episode has {span[1] - span[0]:,} frames; a film has at most {MAX_FRAMES:,}: trim it")
    layout = Layout.of(source.cameras, MAX_WIDTH, MAX_HEIGHT)
    pictures = (np.asarray(picture) for picture in film_pictures(source, layout, range(*span)))
    try:
        encode_frames(pictures, path, fps=Fraction(source.fps).limit_denominator(1001), settings=_SETTINGS)
    except VideoError as error:
        raise Gone(f"the film cannot be made: {error}") from error


def make_gif(source: FrameSource, span: Span, path: Path) -> None:
    """Write the film of frames [first, end) as a GIF of about GIF_RATE Hz. Raises BadRequest if it is too long."""
    seconds = (span[1] - span[0]) / source.fps
    if seconds > GIF_SECONDS:
        raise BadRequest(f"this episode is {seconds:.0f} s long; a GIF has at most {GIF_SECONDS:.0f} s: take the MP4")
    step = max(1, round(source.fps / GIF_RATE))
    layout = Layout.of(source.cameras, GIF_WIDTH, GIF_HEIGHT)
    pictures = film_pictures(source, layout, range(*span, step))
    colours = (picture.quantize(GIF_COLOURS) for picture in pictures)
    duration = max(20, round(1000 * step / source.fps / 10) * 10)  # a GIF counts in hundredths of a second
    next(colours).save(path, "GIF", save_all=True, append_images=colours, duration=duration, loop=0)


MAKERS = {"mp4": make_mp4, "gif": make_gif}


def film_file(root: Path, source: FrameSource, span: Span, kind: str) -> Path:
    """Return the film as a file in the folder `root`, from an earlier call if nothing has changed since.

    Raises BadRequest, Gone, and OSError if the disk is full. Blocks: call it inside FILM_SLOTS.
    """
    if source.growing:
        raise BadRequest("this take is being recorded: try again once it has ended")
    if span[0] >= span[1]:
        raise Gone("this episode has no frame")
    key = f"{source.version} {span} {[camera.key for camera in source.cameras]}"
    return kept_file(root, key, kind, lambda path: MAKERS[kind](source, span, path))


def _jpeg(source: FrameSource, camera: str, number: int) -> bytes:
    try:
        return source.jpeg(camera, number)
    except FilesChanged as error:  # not a frame that is missing: the film would be of two episodes
        raise BadRequest("the dataset has changed meanwhile: try again") from error


def _label(cell: Cell, height: int) -> Image.Image:
    """Return the camera's name on a dark ground, as an RGBA picture of its size."""
    size = max(11, min(20, height // 16))
    font = ImageFont.load_default(size)
    left, top, right, bottom = font.getbbox(cell.camera.name)
    width, tall = min(cell.width, round(right - left) + size), round(bottom - top) + size // 2 + 4
    label = Image.new("RGBA", (width, tall), (0, 0, 0, 150))
    ImageDraw.Draw(label).text((size / 2 - left, tall / 2), cell.camera.name, (255, 255, 255, 255), font, anchor="lm")
    return label


def _even(size: float) -> int:
    return int(size) // 2 * 2
