"""A barcode that identifies a frame: rows of black and white cells in the top left corner.

Row 0 holds the tick (frame number) in `TICK_BITS` cells, the highest bit first; row 1 the episode, row 2 the camera.
Each row ends with a parity bit. Cells of 16 pixels survive JPEG, AV1 and H.264 at every quality that robotdata writes,
so a test can ask any stage which frame it got.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

CELL = 16
TICK_BITS = 16
EPISODE_BITS = 12
CAMERA_BITS = 6
WIDTH = (TICK_BITS + 1) * CELL
HEIGHT = 3 * CELL


@dataclass(frozen=True, slots=True)
class Barcode:
    """The content of a barcode."""

    tick: int
    episode: int
    camera: int


class BarcodeError(ValueError):
    """The image has no readable barcode."""


def draw(rgb: NDArray[Any], code: Barcode) -> None:
    """Draw `code` into `rgb`, uint8 (H, W, 3), in place. Raises ValueError if it does not fit.

    `rgb` may also be depth, uint16 (H, W) in mm: white is 255 mm, black is 0 (no measurement).
    """
    if rgb.shape[0] < HEIGHT or rgb.shape[1] < WIDTH:
        raise ValueError(f"a barcode needs {WIDTH}x{HEIGHT} pixels, got {rgb.shape[1]}x{rgb.shape[0]}")
    for row, (value, bits) in enumerate(_rows(code)):
        cells = [(value >> bit) & 1 for bit in reversed(range(bits))]
        cells.append(sum(cells) & 1)
        for column, bit in enumerate(cells):
            rgb[row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL] = 255 * bit


def read(rgb: NDArray[Any]) -> Barcode:
    """Read the barcode of `rgb`, uint8 (H, W, 3) or (H, W), or of depth; raise BarcodeError if parity fails."""
    gray = rgb if rgb.ndim == 2 else rgb.mean(axis=2)
    if gray.shape[0] < HEIGHT or gray.shape[1] < WIDTH:
        raise BarcodeError(f"image of {gray.shape[1]}x{gray.shape[0]} is too small for a barcode")
    values = []
    for row, bits in enumerate((TICK_BITS, EPISODE_BITS, CAMERA_BITS)):
        cells = [_cell(gray, row, column) for column in range(bits + 1)]
        if sum(cells[:-1]) & 1 != cells[-1]:
            raise BarcodeError(f"row {row} of the barcode fails its parity")
        values.append(sum(bit << place for place, bit in enumerate(reversed(cells[:-1]))))
    return Barcode(*values)


def _rows(code: Barcode) -> list[tuple[int, int]]:
    """Return (value, number of bits) of each row."""
    rows = [(code.tick, TICK_BITS), (code.episode, EPISODE_BITS), (code.camera, CAMERA_BITS)]
    return [(value % (1 << bits), bits) for value, bits in rows]


def _cell(gray: NDArray[Any], row: int, column: int) -> int:
    """Return the bit of one cell, from the mean of its centre."""
    y, x = row * CELL, column * CELL
    return int(gray[y + 4 : y + CELL - 4, x + 4 : x + CELL - 4].mean() > 127)
