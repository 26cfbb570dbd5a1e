"""Rotate frames as their file says, and fit them into another size without distortion."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from robotdata.video.errors import VideoError

if TYPE_CHECKING:  # a rig file needs the turns, and no decoder
    import av
    from av.video.reformatter import VideoReformatter

Size = tuple[int, int]
"""(width, height) in pixels."""

_ONE = 1 << 16
_MATRIX = struct.Struct("=9i")


class UnsupportedTransformError(VideoError):
    """A display matrix asks for an angle other than a multiple of 90 degrees, or for scaling."""


@dataclass(frozen=True, slots=True)
class Turn:
    """How to rotate a stored frame: exchange rows and columns first, then reverse the rows, then the columns."""

    transposed: bool = False
    rows_reversed: bool = False
    columns_reversed: bool = False

    def size(self, width: int, height: int) -> Size:
        """Return the size after rotation of a frame that is stored as `width` x `height`."""
        return (height, width) if self.transposed else (width, height)

    def apply(self, picture: NDArray[Any]) -> NDArray[Any]:
        """Rotate `picture`, (H, W, channels) or (H, W) of any dtype; return itself if no rotation is needed."""
        if self == NO_TURN:
            return picture
        if self.transposed:
            picture = picture.swapaxes(0, 1)
        rows, columns = (slice(None, None, -1 if is_reversed else 1) for is_reversed in self._reversed())
        return np.ascontiguousarray(picture[rows, columns])

    def _reversed(self) -> tuple[bool, bool]:
        return self.rows_reversed, self.columns_reversed


NO_TURN = Turn()
CLOCKWISE = {0: NO_TURN, 90: Turn(True, False, True), 180: Turn(False, True, True), 270: Turn(True, True, False)}
"""The turns by so many degrees clockwise."""


def turn_of(frame: av.VideoFrame) -> Turn:
    """Return the rotation by the display matrix of `frame`; NO_TURN if it has none.

    Raises UnsupportedTransformError.
    """
    from av.sidedata.sidedata import Type

    side_data: Any = frame.side_data
    matrix = side_data.get(Type.DISPLAYMATRIX)
    return NO_TURN if matrix is None else turn_of_matrix(_MATRIX.unpack(bytes(matrix)[: _MATRIX.size]))


def turn_of_matrix(matrix: tuple[int, ...]) -> Turn:
    """Return the rotation by a display matrix (ISO/IEC 14496-12): nine numbers a, b, u, c, d, v, x, y, w.

    a, b, c and d are 16.16 fixed point. A stored point (x, y) is shown at (a x + c y, b x + d y). Raises
    UnsupportedTransformError.
    """
    a, b, _, c, d, *_ = matrix
    if b == c == 0 and abs(a) == abs(d) == _ONE:
        return Turn(False, d < 0, a < 0)
    if a == d == 0 and abs(b) == abs(c) == _ONE:
        return Turn(True, b < 0, c < 0)
    raise UnsupportedTransformError(
        "its frames are tilted or scaled; only rotations by 90, 180 and 270 degrees are supported"
    )


def upright_rgb(reformatter: VideoReformatter, frame: av.VideoFrame) -> NDArray[np.uint8]:
    """Return `frame` as RGB, uint8 (H, W, 3), rotated by its display matrix. Raises UnsupportedTransformError."""
    from robotdata.video.colours import to_rgb

    return turn_of(frame).apply(np.asarray(to_rgb(reformatter, frame).to_ndarray(), np.uint8))


def letterboxed(
    reformatter: VideoReformatter,
    frame: av.VideoFrame,
    size: Size,
    pixel_shape: Fraction | None = None,
    *,
    bars: bool = True,
) -> NDArray[np.uint8]:
    """Return `frame` upright and as large as `size` allows, between black bars: uint8 (H, W, 3).

    Without `bars` the result is as large as the picture itself. The aspect ratio is kept. `pixel_shape` is the width
    of a stored pixel over its height; square by default. Raises UnsupportedTransformError.
    """
    from robotdata.video.colours import to_rgb

    turn = turn_of(frame)
    shown = turn.size(*_square(frame, pixel_shape))
    inner = fitted_size(shown, size)
    scaled = to_rgb(reformatter, frame, turn.size(*inner))
    picture = turn.apply(np.asarray(scaled.to_ndarray(), np.uint8))
    if inner == size or not bars:
        return picture
    canvas = np.zeros((size[1], size[0], 3), np.uint8)
    top, left = (size[1] - inner[1]) // 2, (size[0] - inner[0]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = picture
    return canvas


def fitted_size(shown: Size, size: Size) -> Size:
    """Return the largest size with the aspect ratio of `shown` that fits into `size`; at least one pixel each way."""
    scale = min(Fraction(size[0], shown[0]), Fraction(size[1], shown[1]))
    width, height = (max(1, round(side * scale)) for side in shown)
    return width, height


def _square(frame: av.VideoFrame, pixel_shape: Fraction | None) -> Size:
    """Return the size of the frame in square pixels."""
    return (max(1, round(frame.width * pixel_shape)) if pixel_shape else frame.width), frame.height
