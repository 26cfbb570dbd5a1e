"""The simulated world as a depth camera sees it: millimetres along its axis, a little noise, a few holes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from robotdata.capture.sim_draw import Lens, Shapes
from robotdata.capture.sim_world import Scene, chain

_WALL_MM = 2400.0
_NOISE_MM = 1.5
_HOLES = 0.004
_SHIFT = 61


class DepthPainter(Shapes):
    """One depth camera's view of the world; `draw` gives uint16 (height, width) in mm, 0 where nothing came back."""

    def __init__(self, view: str, width: int, height: int) -> None:
        super().__init__(view, width, height)
        chance = np.random.default_rng(11)
        size = (height + _SHIFT, width + _SHIFT)
        self._noise = np.rint(chance.normal(0, _NOISE_MM, size)).astype(np.int32)
        self._holes = chance.random(size) < _HOLES
        self._chance = chance
        self._still = None if view == "wrist" else self._table(self._lens)

    def draw(self, scene: Scene) -> NDArray[np.uint16]:
        """The world at one moment."""
        joints = chain(scene.joints)
        if self._still is None:
            self._lens = self._wrist_lens(joints)
        image = Image.fromarray(self._table(self._lens) if self._still is None else self._still)
        pen = _Pen(image)
        for metres, paint in sorted(self._parts(scene, joints), key=lambda part: -part[0]):
            pen.mm = round(metres * 1000)
            paint(pen)
        return self._measured(np.asarray(image))

    def _measured(self, exact: NDArray[np.int32]) -> NDArray[np.uint16]:
        """What a sensor makes of it."""
        x, y = (int(each) for each in self._chance.integers(_SHIFT, size=2))
        part = slice(y, y + self._height), slice(x, x + self._width)
        depth: NDArray[np.uint16] = (exact + self._noise[part]).clip(1, 65535).astype(np.uint16)
        depth[self._holes[part]] = 0
        return depth

    def _table(self, lens: Lens) -> NDArray[np.int32]:
        """The table's plane as far as the wall, int32 (height, width) in mm."""
        down = lens.below(self._width, self._height)
        far = np.maximum(down, lens.eye[2] * 1000 / _WALL_MM)
        table: NDArray[np.int32] = np.rint(lens.eye[2] * 1000 / far).astype(np.int32)
        return table


class _Pen(ImageDraw.ImageDraw):
    """Draws everything in one distance, whatever colour it is given."""

    def __init__(self, image: Image.Image) -> None:
        super().__init__(image)
        self.mm = 0

    def line(self, xy: Any, fill: Any = None, width: int = 0, joint: str | None = None) -> None:
        super().line(xy, self.mm, width, joint)

    def polygon(self, xy: Any, fill: Any = None, outline: Any = None, width: int = 1) -> None:
        super().polygon(xy, self.mm)
