"""Pictures for the search for false alarms (`verify_alarms.py`): drawn ones that encoders hate, and real ones."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from robotdata.capture.sim_draw import Painter
from robotdata.capture.sim_world import World
from robotdata.video.decode import open_video

Picture = NDArray[np.uint8]
Draw = Callable[[np.random.Generator, int, int, int], list[Picture]]
"""A random generator, width, height, number of pictures -> pictures, uint8 (H, W, 3)."""

REAL = (
    "v30_g1_inspire/videos/*/*/*.mp4",
    "v30_rgbd_realsense/videos/observation.images.cam/*/*.mp4",
    "v20_gr1_sim/videos/*/*/*.mp4",
    "v21_g1_inspire/videos/*/*/*.mp4",
)


def flat(rng: np.random.Generator, width: int, height: int, count: int) -> list[Picture]:
    """One colour, which hardly differs from one episode to the next."""
    colour = np.clip(rng.choice([0, 16, 128, 250]) + rng.integers(0, 6, 3), 0, 255)
    return [np.full((height, width, 3), colour, np.uint8)] * count


def fade(rng: np.random.Generator, width: int, height: int, count: int) -> list[Picture]:
    """A plain picture that changes by less, from frame to frame, than an encoder cares for."""
    begin, step = rng.integers(0, 256, 3), rng.uniform(-6, 6, 3)
    return [np.full((height, width, 3), np.clip(begin + n * step, 0, 255), np.uint8) for n in range(count)]


def gradient(rng: np.random.Generator, width: int, height: int, count: int) -> list[Picture]:
    """A soft scene with a sensor's noise."""
    across, down = np.meshgrid(np.linspace(0, 90, width), np.linspace(0, 60, height))
    tint, sigma = rng.integers(0, 120, 3), rng.uniform(0, 8)
    base = (across + down)[..., None] + tint
    return [np.clip(base + rng.normal(0, sigma, base.shape), 0, 255).astype(np.uint8) for _ in range(count)]


def noise(rng: np.random.Generator, width: int, height: int, count: int) -> list[Picture]:
    """Every pixel by chance: all of it is lost at poor quality."""
    low, high = sorted(rng.integers(0, 257, 2))
    return [rng.integers(low, max(high, low + 1), (height, width, 3), dtype=np.uint8) for _ in range(count)]


def checks(rng: np.random.Generator, width: int, height: int, count: int) -> list[Picture]:
    """Two loud colours in a pattern of few pixels: 4:2:0 mixes their chroma, and thinning sees one of them."""
    side = int(rng.integers(1, 5))
    rows, columns = np.mgrid[0:height, 0:width] // side
    which = (rows + columns) % 2 if rng.random() < 0.5 else (rows % 2 == 0) & (columns % 3 == 0)
    colours = rng.choice([0, 255], (2, 3)) if rng.random() < 0.7 else rng.integers(0, 256, (2, 3))
    made = np.where(which[..., None] > 0, colours[0], colours[1]).astype(np.uint8)
    return [np.roll(made, n % 2, axis=1) for n in range(count)]


def sparks(rng: np.random.Generator, width: int, height: int, count: int) -> list[Picture]:
    """A dark or bright picture with a few single pixels of the other extreme: they are what is lost first."""
    ground = int(rng.choice([0, 20, 235, 255]))
    made = []
    for _ in range(count):
        picture = np.full((height, width, 3), ground, np.uint8)
        lit = rng.random((height, width)) < rng.choice([0.001, 0.01, 0.1])
        picture[lit] = rng.integers(0, 256, 3) if rng.random() < 0.5 else 255 - ground
        made.append(picture)
    return made


def blocks(rng: np.random.Generator, width: int, height: int, count: int) -> list[Picture]:
    """Saturated shapes that move, with hard edges, which ring."""
    colours = [tuple(int(v) for v in rng.choice([0, 255], 3)) for _ in range(6)]
    places = rng.integers(0, [width, height], (6, 2))
    speeds = rng.integers(-9, 10, (6, 2))
    made = []
    for n in range(count):
        image = Image.new("RGB", (width, height), colours[0])
        pen = ImageDraw.Draw(image)
        for colour, place, speed in zip(colours[1:], places, speeds, strict=False):
            x, y = (place + n * speed).tolist()
            pen.rectangle((x, y, x + width // 3, y + height // 4), fill=colour)
            pen.line((x, y, width - x, height - y), fill=tuple(255 - v for v in colour))
        made.append(np.asarray(image))
    return made


def arm(rng: np.random.Generator, width: int, height: int, count: int) -> list[Picture]:
    """What the simulated cameras draw: the pictures of `make demo`."""
    world, painter = World(int(rng.integers(1000))), Painter(str(rng.choice(["front", "top", "wrist"])), width, height)
    made = []
    for _ in range(count):
        world.command(rng.uniform(-90, 90, 6).astype(np.float32))
        made.append(painter.draw(world.step(1 / 10)))
    return made


def real(rng: np.random.Generator, width: int, height: int, count: int) -> list[Picture]:
    """A piece of a real video, scaled or cropped; the drawn arm where there is none."""
    paths = real_videos()
    if not paths:
        return arm(rng, width, height, count)
    frames = _decoded(paths[int(rng.integers(len(paths)))])
    begin = int(rng.integers(max(1, len(frames) - count)))
    made = [frames[min(begin + n, len(frames) - 1)] for n in range(count)]
    high, wide = made[0].shape[:2]
    if rng.random() < 0.5 and wide > width and high > height:
        x, y = int(rng.integers(wide - width)), int(rng.integers(high - height))
        return [np.ascontiguousarray(each[y : y + height, x : x + width]) for each in made]
    return [np.asarray(Image.fromarray(each).resize((width, height), Image.Resampling.BILINEAR)) for each in made]


KINDS: dict[str, Draw] = {
    "flat": flat,
    "fade": fade,
    "gradient": gradient,
    "noise": noise,
    "checks": checks,
    "sparks": sparks,
    "blocks": blocks,
    "arm": arm,
    "real": real,
}


def packet(rng: np.random.Generator, picture: Picture) -> bytes:
    """The picture as a camera gives it: a JPEG of some quality and chroma, or a PNG."""
    buffer, image = io.BytesIO(), Image.fromarray(picture)
    if rng.random() < 0.15:
        image.save(buffer, "PNG", compress_level=1)
    else:
        quality, chroma = int(rng.choice([50, 80, 95])), str(rng.choice(["4:2:0", "4:2:2", "4:4:4"]))
        image.save(buffer, "JPEG", quality=quality, subsampling=chroma)
    return buffer.getvalue()


@lru_cache(1)
def real_videos() -> list[Path]:
    root = Path(os.environ.get("ROBOTDATA_TESTDATA") or "/nonexistent")
    return sorted(path for pattern in REAL for path in root.glob(pattern))


@lru_cache(8)
def _decoded(path: Path, most: int = 40) -> list[Picture]:
    with open_video(path) as video:
        return list(video.frames(range(0, min(most * 5, video.count), 5)))
