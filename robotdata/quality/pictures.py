"""Measure what frames look like: brightness, colour, change and sharpness.

Frames are decoded at a fraction of their size, which costs a fraction of the time.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from robotdata.video.jpeg import ImageError, check_size, decode_jpeg

SMALL = 8
"""Samples are decoded at 1/8 of each side: a JPEG decoder needs no inverse DCT for that."""
DETAIL = 2
"""Sharpness needs more detail: some samples are also decoded at 1/2 of each side."""
_MIN_DEPTH_GRAY = 55
"""The gray of the smallest measured depth. It is well above black, which means that nothing was measured."""
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of R, G and B (ITU-R BT.601)."""


@dataclass(frozen=True)
class PictureSeries:
    """Measures of k samples of one camera. Arrays are (k,); brightness is a share, 0 black to 1 white.

    `tick`: where each sample was taken. `light`: median luma; `dark_end` and `light_end`: its 1st and 99th percentile.
    `colour`: the range of the widest colour channel. `change` and `most_change`: mean and largest difference to the
    sample before, 0 for the first. `sharpness`: one value per detailed sample. `hashes`: `difference_hash` of the
    first, middle and last sample. `damaged`: ticks whose frame cannot be decoded. `resized`: the first tick at which
    the size differs, or None.
    """

    tick: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    light: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    dark_end: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    light_end: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    colour: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    change: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    most_change: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    sharpness: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    hashes: list[str] = field(default_factory=list)
    damaged: list[int] = field(default_factory=list)
    resized: int | None = None


class PictureMeter:
    """Collects the measures of a camera's samples, one after the other. It keeps no images."""

    def __init__(self) -> None:
        self._samples: list[tuple[int, float, float, float, float, float, float]] = []
        self._sharpness: list[float] = []
        self._hashes: list[str] = []
        self._damaged: list[int] = []
        self._before: NDArray[np.float32] | None = None
        self._shape: tuple[int, ...] | None = None
        self._resized: int | None = None

    def add(self, tick: int, rgb: NDArray[np.uint8]) -> None:
        """Add a small sample, uint8 (h, w, 3), of `tick`."""
        gray = luma(rgb)
        low, middle, high = np.percentile(gray, [1, 50, 99])
        change = most = 0.0
        if self._shape not in (None, gray.shape):
            self._resized = tick if self._resized is None else self._resized
        elif self._before is not None:
            difference = np.abs(gray - self._before)
            change, most = float(difference.mean()), float(difference.max())
        self._before, self._shape = gray, gray.shape
        colour = float((rgb.max(axis=(0, 1)).astype(int) - rgb.min(axis=(0, 1))).max())
        self._samples.append((tick, middle / 255, low / 255, high / 255, colour / 255, change / 255, most / 255))
        self._hashes.append(difference_hash(gray))

    def add_detail(self, rgb: NDArray[np.uint8]) -> None:
        """Add the sharpness of a larger sample, uint8 (h, w, 3)."""
        self._sharpness.append(sharpness(luma(rgb)))

    def add_damaged(self, tick: int) -> None:
        """Add a tick whose frame cannot be decoded."""
        self._damaged.append(tick)

    def series(self) -> PictureSeries:
        """Return the measures of all samples added so far."""
        if not self._samples:
            return PictureSeries(damaged=self._damaged)
        table = np.array(self._samples, np.float64).T
        last = len(self._hashes) - 1
        return PictureSeries(
            tick=table[0].astype(np.int64),
            light=table[1],
            dark_end=table[2],
            light_end=table[3],
            colour=table[4],
            change=table[5],
            most_change=table[6],
            sharpness=np.array(self._sharpness, np.float64),
            hashes=[self._hashes[at] for at in (0, last // 2, last)],
            damaged=self._damaged,
            resized=self._resized,
        )


def luma(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the luma (ITU-R BT.601) of uint8 (h, w, 3) as float32 (h, w), 0 to 255."""
    gray: NDArray[np.float32] = rgb.astype(np.float32) @ _LUMA
    return gray


def sharpness(gray: NDArray[np.float32]) -> float:
    """Return mean |Laplacian| / (standard deviation + 1) of `gray`, float32 (h, w).

    Compare it only between images of the same scene.
    """
    if min(gray.shape) < 3:
        return 0.0
    center = gray[1:-1, 1:-1]
    neighbours = gray[:-2, 1:-1] + gray[2:, 1:-1] + gray[1:-1, :-2] + gray[1:-1, 2:]
    return float(np.abs(4 * center - neighbours).mean() / (gray.std() + 1.0))


def difference_hash(gray: NDArray[np.float32]) -> str:
    """Return the dHash of `gray`, float32 (h, w): 64 bits as 16 hexadecimal digits.

    Each bit says whether one of 8x8 fields is lighter than its right neighbour.
    """
    small = np.asarray(Image.fromarray(gray.astype(np.uint8)).resize((9, 8), Image.Resampling.BOX), np.int16)
    return np.packbits(small[:, :-1] > small[:, 1:]).tobytes().hex()


def hash_distance(one: str, other: str) -> int:
    """Return the Hamming distance of two hashes, 0 to 64 bits."""
    return (int(one, 16) ^ int(other, 16)).bit_count()


def shrink(rgb: NDArray[np.uint8], factor: int = SMALL) -> NDArray[np.uint8]:
    """Return `rgb`, uint8 (h, w, 3), reduced by the mean of `factor` x `factor` fields, as `decode` reduces it."""
    h, w = max(1, rgb.shape[0] // factor), max(1, rgb.shape[1] // factor)
    if rgb.shape[0] < factor or rgb.shape[1] < factor:
        return rgb
    fields = rgb[: h * factor, : w * factor].reshape(h, factor, w, factor, 3)
    small: NDArray[np.uint8] = fields.mean(axis=(1, 3)).astype(np.uint8)
    return small


def decode(packet: bytes, codec: str, scale: int) -> NDArray[np.uint8]:
    """Decode a stored packet at 1/`scale` of each side, uint8 (h, w, 3). Raises ImageError if it is damaged.

    16-bit depth becomes gray by its logarithm: equal depths give equal grays, and 0 (nothing measured) is black.
    """
    if codec == "mjpeg":
        return decode_jpeg(packet, scale=scale)
    try:
        with Image.open(io.BytesIO(packet), formats=["PNG"]) as image:
            check_size(*image.size)
            image.load()
            return _as_rgb(image, scale)
    except (OSError, SyntaxError, UnidentifiedImageError, ValueError, Image.DecompressionBombError) as error:
        raise ImageError(f"an image of {len(packet)} bytes is damaged: {error}") from error


def _as_rgb(image: Image.Image, scale: int) -> NDArray[np.uint8]:
    if not image.mode.startswith("I"):
        return shrink(np.asarray(ImageOps.exif_transpose(image).convert("RGB")), scale)
    gray = _depth_grays()[np.asarray(image).astype(np.uint16)]
    return shrink(np.repeat(gray[:, :, None], 3, axis=2), scale)


@lru_cache(maxsize=1)
def _depth_grays() -> NDArray[np.uint8]:
    """Return uint8 (65536,): the gray of each 16-bit depth."""
    share = np.log1p(np.arange(2**16)) / np.log1p(2**16)
    grays: NDArray[np.uint8] = (_MIN_DEPTH_GRAY + (255 - _MIN_DEPTH_GRAY) * share).astype(np.uint8)
    grays[0] = 0
    return grays
