"""Draw the simulated world as a colour camera sees it, fast enough for three cameras on a part of one core.

A fixed camera's background is drawn once. Each moving part is drawn in the small box that it covers, at twice the size,
and the box is then halved for smooth edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from robotdata.capture.sim_shapes import (
    EYES,
    METAL,
    Colour,
    Part,
    Pixels,
    Points,
    Shapes,
    listed,
    mean_depth,
    pixels_of,
    rounded_line,
    shade,
    unit_ring,
)
from robotdata.capture.sim_world import TABLE, Scene, Thing, forward_kinematics

Box = tuple[int, int, int, int]
_LIGHT = np.array([0.35, -0.25])  # offset of a shadow, metres per metre of height
_MAT: Colour = (58, 66, 78)
_LINE: Colour = (82, 92, 106)
_SHADOW: Colour = (8, 10, 14)
# A shadow's edge and its core: how wide they are (in half widths of the object, or metres) and how opaque (of 255).
_THING_SHADOW = ((1.5, 34), (1.2, 86))
_ARM_SHADOW = ((0.055, 34), (0.035, 79))


def _mat_lines() -> Points:
    """Return the mat's four corners, then both ends of each of its lines, float64 (n, 3) in metres."""
    x0, x1, y0, y1 = TABLE
    points = [[x0, y0, 0], [x1, y0, 0], [x1, y1, 0], [x0, y1, 0]]
    for x in np.arange(x0, x1 + 0.01, 0.06).tolist():
        points += [[x, y0, 0], [x, y1, 0]]
    for y in np.arange(y0, y1 + 0.01, 0.06).tolist():
        points += [[x0, y, 0], [x1, y, 0]]
    return np.array(points, float)


_SHADOW_RINGS = np.concatenate([unit_ring(12) * grow for grow, _ in _THING_SHADOW])
_MAT_LINES = _mat_lines()


class Painter(Shapes):
    """Draws what one colour camera sees of the world."""

    def __init__(self, view: str, width: int, height: int) -> None:
        # All of the wrist camera's image moves, so it is drawn at its own size.
        self._oversampling = factor = 2 if view in EYES else 1
        super().__init__(view, width * factor, height * factor)
        self._background = self._draw_background().reduce(factor) if view in EYES else None

    def draw(self, scene: Scene) -> NDArray[np.uint8]:
        """Return the image of `scene`, a new array uint8 (height, width, 3)."""
        joints = forward_kinematics(scene.joints)
        if self._background is None:
            self._lens = self._wrist_lens(joints)
            image = self._floor()
        else:
            image = self._background.copy()
        for shadow in self._shadows(scene, joints):
            self._darken(image, shadow)
        for part in self._parts(scene, joints):
            self._paint(image, part)
        return np.array(image)

    def _paint(self, image: Image.Image, part: Part) -> None:
        """Draw a part on the image, with smooth edges where the view is oversampled."""
        box, factor = self._box(part), self._oversampling
        if box is None:
            return
        if factor == 1:
            part.paint(ImageDraw.Draw(image), part.points)
            return
        left, top, right, bottom = box
        size = (right - left) * factor, (bottom - top) * factor
        enlarged = image.resize(size, Image.Resampling.NEAREST, box)
        part.paint(ImageDraw.Draw(enlarged), _relative(part.points, left * factor, top * factor))
        image.paste(enlarged.reduce(factor), box)

    def _darken(self, image: Image.Image, shadow: Part) -> None:
        """Blend a shadow, drawn as its opacity (0 to 255), into the image."""
        box, factor = self._box(shadow), self._oversampling
        if box is None:
            return
        left, top, right, bottom = box
        opacity = Image.new("L", ((right - left) * factor, (bottom - top) * factor))
        shadow.paint(ImageDraw.Draw(opacity), _relative(shadow.points, left * factor, top * factor))
        # An image of one colour, because Pillow needs twice the time to blend a plain colour.
        image.paste(Image.new("RGB", (right - left, bottom - top), _SHADOW), box, opacity.reduce(factor))

    def _box(self, part: Part) -> Box | None:
        """Return the box (left, top, right, bottom) of the image's pixels that a part covers; None without any."""
        factor, margin = self._oversampling, part.margin
        columns, rows = zip(*part.points, strict=True)
        left = max(0, int((min(columns) - margin) / factor))
        top = max(0, int((min(rows) - margin) / factor))
        right = min(self._width // factor, int((max(columns) + margin) / factor) + 2)
        bottom = min(self._height // factor, int((max(rows) + margin) / factor) + 2)
        return (left, top, right, bottom) if left < right and top < bottom else None

    def _shadows(self, scene: Scene, joints: Points) -> list[Part]:
        """Return the shadows, which a pen draws as opacity."""
        spine, *rings = self._lens.project_each([_on_ground(joints), *_shadow_rings(scene.things)])
        depth = mean_depth(spine)
        widths = [(self._lens.size(width, depth), opacity) for width, opacity in _ARM_SHADOW]
        shadows = [Part(mean_depth(ring), pixels_of(ring), 1, _paint_rings) for ring in rings]
        return [*shadows, Part(depth, pixels_of(spine), widths[0][0] / 2 + 2, partial(_paint_spine, widths=widths))]

    def _floor(self) -> Image.Image:
        image = Image.new("RGB", (self._width, self._height), (186, 178, 166))
        self._mat(ImageDraw.Draw(image))
        return image

    def _mat(self, pen: ImageDraw.ImageDraw) -> None:
        projected = listed(self._lens.project(_MAT_LINES))
        pen.polygon(pixels_of(projected[:4]), _MAT)
        for begin in range(4, len(projected), 2):
            ends = projected[begin : begin + 2]
            size = self._lens.size(0.0016, mean_depth(ends))
            if max(ends)[0] > -size and min(ends)[0] < self._width + size:  # Pillow is slow to the left and right
                pen.line(pixels_of(ends), _LINE, size)

    def _draw_background(self) -> Image.Image:
        """Return wall, table, mat and the arm's foot, lit from one side."""
        rows = np.linspace(0, 1, self._height)[:, None, None]
        wall = np.array([203, 210, 216]) * (1 - 0.28 * rows) + np.zeros((1, self._width, 1))
        image = Image.fromarray(wall.astype(np.uint8))
        pen = ImageDraw.Draw(image)
        x0, x1, y0, y1 = -0.35, TABLE[1] + 0.06, TABLE[2] - 0.25, TABLE[3] + 0.25
        table = np.array([[x0, y0, 0], [x1, y0, 0], [x1, y1, 0], [x0, y1, 0]], float)
        edge = table - np.array([0, 0, 0.04])
        pen.polygon(pixels_of(listed(self._lens.project(edge))), (120, 92, 66))
        pen.polygon(pixels_of(listed(self._lens.project(table))), (188, 152, 112))
        rng = np.random.default_rng(3)
        for y in np.arange(y0, y1, 0.012):  # the grain of the wood
            tone = float(rng.uniform(0.93, 1.05))
            projected = self._lens.project(np.array([[x0, y, 0], [x1, y + rng.uniform(-0.02, 0.02), 0]]))
            pen.line(pixels_of(listed(projected)), shade((188, 152, 112), tone), 3)
        self._mat(pen)
        self._foot(pen)
        image = image.filter(ImageFilter.GaussianBlur(1.2))
        across = np.linspace(1.06, 0.86, self._width)[None, :, None]
        lit = np.asarray(image).astype(np.float32) * across
        lit += np.random.default_rng(5).normal(0, 2.0, lit.shape[:2])[:, :, None]
        return Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8))

    def _foot(self, pen: ImageDraw.ImageDraw) -> None:
        ring = np.zeros((24, 3))
        ring[:, :2] = unit_ring(24) * 0.085
        pen.polygon(pixels_of(listed(self._lens.project(ring + [0.01, -0.01, 0]))), (40, 40, 44))
        pen.polygon(pixels_of(listed(self._lens.project(ring))), shade(METAL, 0.8))
        pen.polygon(pixels_of(listed(self._lens.project(ring + [0, 0, 0.03]))), METAL)


def _on_ground(points: Points) -> Points:
    """Return the shadows of points on the table."""
    ground = points.copy()
    ground[:, :2] += ground[:, 2:] * _LIGHT
    ground[:, 2] = 0
    return ground


def _shadow_rings(things: Sequence[Thing]) -> Points:
    """Return the rings on the table around the edge and the core of each shadow, float64 (objects, 24, 3) in metres."""
    middles = np.array([(thing.x, thing.y, thing.z + thing.half) for thing in things]).reshape(-1, 3)
    halves = np.array([thing.half for thing in things])
    rings = np.zeros((len(things), len(_SHADOW_RINGS), 3))
    rings[:, :, :2] = _SHADOW_RINGS * halves[:, None, None] + _on_ground(middles)[:, None, :2]
    return rings


def _relative(pixels: Pixels, left: int, top: int) -> Pixels:
    """Return pixels of an image relative to the corner of a part of it."""
    return [(column - left, row - top) for column, row in pixels]


def _paint_rings(pen: ImageDraw.ImageDraw, points: Pixels) -> None:
    corners = len(points) // len(_THING_SHADOW)
    for index, (_, opacity) in enumerate(_THING_SHADOW):
        pen.polygon(points[index * corners : (index + 1) * corners], opacity)


def _paint_spine(pen: ImageDraw.ImageDraw, points: Pixels, widths: list[tuple[int, int]]) -> None:
    for width, opacity in widths:
        rounded_line(pen, points, opacity, width)
