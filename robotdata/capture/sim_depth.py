"""Draw the simulated world as a depth camera sees it: millimetres along the optical axis, with noise and holes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from robotdata.capture.sim_shapes import Lens, Shapes
from robotdata.capture.sim_world import Scene, forward_kinematics

_WALL_MM = 2400.0
_NOISE_MM = 1.5
_HOLES = 0.004
_SHIFT = 61


class DepthPainter(Shapes):
    """Draws what one depth camera sees of the world."""

    def __init__(self, view: str, width: int, height: int) -> None:
        super().__init__(view, width, height)
        rng = np.random.default_rng(11)
        size = (height + _SHIFT, width + _SHIFT)
        self._noise = np.rint(rng.normal(0, _NOISE_MM, size)).astype(np.int32)
        self._holes = rng.random(size) < _HOLES
        self._rng = rng
        self._background = None if view == "wrist" else self._table(self._lens)

    def draw(self, scene: Scene) -> NDArray[np.uint16]:
        """Return the depth image of `scene`, uint16 (height, width) in mm; 0 where nothing was measured."""
        joints = forward_kinematics(scene.joints)
        if self._background is None:
            self._lens = self._wrist_lens(joints)
        image = Image.fromarray(self._table(self._lens) if self._background is None else self._background)
        pen = _Pen(image)
        for part in self._parts(scene, joints):
            pen.mm = round(part.depth * 1000)
            part.paint(pen, part.points)
        return self._measure(np.asarray(image))

    def _measure(self, exact: NDArray[np.int32]) -> NDArray[np.uint16]:
        """Return the exact depth (mm) with the noise and holes of a sensor."""
        x, y = (int(offset) for offset in self._rng.integers(_SHIFT, size=2))
        part = slice(y, y + self._height), slice(x, x + self._width)
        depth: NDArray[np.uint16] = (exact + self._noise[part]).clip(1, 65535).astype(np.uint16)
        depth[self._holes[part]] = 0
        return depth

    def _table(self, lens: Lens) -> NDArray[np.int32]:
        """Return the depth of the table's plane, and of the wall beyond it, int32 (height, width) in mm."""
        drop = lens.drop_per_metre(self._width, self._height)
        drop = np.maximum(drop, lens.eye[2] * 1000 / _WALL_MM)
        table: NDArray[np.int32] = np.rint(lens.eye[2] * 1000 / drop).astype(np.int32)
        return table


class _Pen(ImageDraw.ImageDraw):
    """A pen that draws the depth `mm` in place of every colour."""

    def __init__(self, image: Image.Image) -> None:
        super().__init__(image)
        self.mm = 0

    def line(self, xy: Any, fill: Any = None, width: int = 0, joint: str | None = None) -> None:
        super().line(xy, self.mm, width, joint)

    def ellipse(self, xy: Any, fill: Any = None, outline: Any = None, width: int = 1) -> None:
        super().ellipse(xy, self.mm)

    def polygon(self, xy: Any, fill: Any = None, outline: Any = None, width: int = 1) -> None:
        super().polygon(xy, self.mm)
