"""The moving parts of the simulated world as a camera projects them, for a colour or depth pen to draw.

All points of one image are projected together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray
from PIL import ImageDraw

from robotdata.capture.sim_world import HAND, Scene, Thing

Points = NDArray[np.float64]
Colour = tuple[int, int, int]
Pixels = list[tuple[float, float]]  # column and row
Projected = list[tuple[float, float, float]]  # column and row in pixels, depth in metres
METAL: Colour = (64, 70, 80)
_ARM: Colour = (236, 152, 44)
_WIDTHS = (0.055, 0.042, 0.036)
EYES = {
    "front": (np.array([0.98, 0.10, 0.56]), np.array([0.17, 0.0, 0.09]), 1.05),
    "top": (np.array([0.25, 0.0, 1.02]), np.array([0.26, 0.0, 0.0]), 1.06),
}


def unit_ring(corners: int) -> Points:
    """Return the corners of a regular polygon around the origin, float64 (corners, 2)."""
    turns = np.arange(corners) * 2 * np.pi / corners
    return np.stack([np.cos(turns), np.sin(turns)], axis=1)


def _unit_prism(corners: int) -> Points:
    """Return the lower ring (z = 0), the upper ring (z = 2) and the middle, float64 (2 * corners + 1, 3)."""
    prism = np.zeros((2 * corners + 1, 3))
    prism[:corners, :2] = prism[corners:-1, :2] = unit_ring(corners)
    prism[corners:-1, 2] = 2
    prism[-1, 2] = 1
    return prism


_PRISMS = {"cube": _unit_prism(4), "disc": _unit_prism(12)}


class Lens:
    """A pinhole camera at `eye` that looks at `target` (metres); `focal` is in widths of the image."""

    def __init__(self, eye: Points, target: Points, focal: float, width: int, height: int) -> None:
        x, y, z = ((target - eye) / np.linalg.norm(target - eye)).tolist()
        level = math.hypot(x, y)
        # By hand: NumPy takes ten times as long for one cross product.
        right_x, right_y = (y / level, -x / level) if level else (0.0, -1.0)
        down = -z * right_y, z * right_x, x * right_y - y * right_x
        self.eye = eye
        self._axes = np.array([(right_x, right_y, 0.0), down, (x, y, z)])
        self._scale = focal * width
        self._middle = np.array([[width / 2], [height / 2]])
        self._matrix = self._axes * [[self._scale], [self._scale], [1.0]]
        self._offset = self._matrix @ eye[:, None]

    def project(self, points: Points) -> Points:
        """Project points, float64 (n, 3) in metres, to (n, 3): column, row (pixels) and depth (metres).

        A point behind the camera gets the least depth, 0.02 m.
        """
        projected: Points = self._matrix @ points.T  # (3, n), because rows that lie together are faster
        projected -= self._offset
        depth = np.maximum(projected[2], 0.02, out=projected[2])
        projected[:2] /= depth
        projected[:2] += self._middle
        return projected.T

    def project_each(self, groups: Sequence[Points]) -> list[Projected]:
        """Project groups of points as `project` does, in one product: many small products cost far more."""
        projected, split, begin = listed(self.project(np.concatenate(groups))), [], 0
        for group in groups:
            split.append(projected[begin : begin + len(group)])
            begin += len(group)
        return split

    def drop_per_metre(self, width: int, height: int) -> Points:
        """Return how far each pixel's ray descends per metre along the optical axis, float64 (height, width)."""
        across = (np.arange(width) + 0.5 - width / 2) / self._scale
        down = (np.arange(height) + 0.5 - height / 2) / self._scale
        right, low, forward = self._axes[:, 2]
        drop: Points = -(forward + across[None, :] * right + down[:, None] * low)
        return drop

    def size(self, metres: float, depth: float) -> int:
        """Return the pixels that a length in metres covers at a depth in metres; at least 1."""
        return max(1, round(metres * self._scale / max(depth, 0.02)))


@dataclass(frozen=True, slots=True)
class Part:
    """Something to draw in an image.

    `depth` is in metres; what is drawn reaches `margin` pixels beyond `points`. `paint` draws with a pen and gets the
    points relative to the corner of the pen's image.
    """

    depth: float
    points: Pixels
    margin: float
    paint: Callable[[ImageDraw.ImageDraw, Pixels], None]


class Shapes:
    """The moving parts of the world as one camera sees them, for a colour or depth pen to draw."""

    def __init__(self, view: str, width: int, height: int) -> None:
        self._view = view
        self._width, self._height = width, height
        if view in EYES:
            self._lens = self._make_lens(*EYES[view])

    def _make_lens(self, eye: Points, target: Points, focal: float) -> Lens:
        return Lens(eye, target, focal, self._width, self._height)

    def _wrist_lens(self, joints: Points) -> Lens:
        wrist, tip = joints[3], joints[4]
        along = (tip - wrist) / HAND
        reach = max(math.hypot(tip[0], tip[1]), 1e-6)
        out = np.array([tip[0] / reach, tip[1] / reach, 0.0])
        eye = wrist - along * 0.05 + out * 0.055
        return self._make_lens(eye, tip + along * 0.05 + out * 0.012, 0.85)

    def _parts(self, scene: Scene, joints: Points) -> list[Part]:
        """Return what moves, the farthest part first."""
        hand, *prisms = self._lens.project_each(
            [np.concatenate([joints, _hand_points(scene.joints, joints)]), *map(_prism, scene.things)]
        )
        parts = [self._thing(thing, projected) for thing, projected in zip(scene.things, prisms, strict=True)]
        for index in range(3) if self._view != "wrist" else ():
            parts.append(self._link(hand[index : index + 2], _WIDTHS[index]))
        parts.append(self._hand(hand[3:5], hand[5:]))
        return sorted(parts, key=lambda part: -part.depth)

    def _link(self, ends: Projected, width: float) -> Part:
        depth = mean_depth(ends)
        size = self._lens.size(width, depth)
        return Part(depth, pixels_of(ends), size * 0.62 + 2, partial(_paint_link, size=size))

    def _hand(self, ends: Projected, points: Projected) -> Part:
        """Return the hand, between wrist and tip (`ends`), from the points of `_hand_points`."""
        palm = self._lens.size(0.03, mean_depth(points[:2]))
        fingers = [self._lens.size(0.012, mean_depth(finger)) for finger in (points[2:5], points[5:8])]
        margin = max(palm * 0.62, *fingers) + 2
        return Part(mean_depth(ends), pixels_of(points), margin, partial(_paint_hand, palm=palm, fingers=fingers))

    def _thing(self, thing: Thing, prism: Projected) -> Part:
        x, y, _ = self._lens.eye.tolist()
        paint = partial(_paint_thing, thing=thing, to_eye=(x - thing.x, y - thing.y))
        return Part(prism[-1][2], pixels_of(prism[:-1]), 2, paint)


def _prism(thing: Thing) -> Points:
    """Return the lower ring, the upper ring and the middle of an object, float64 (n, 3) in metres."""
    reach = thing.half * (1.35 if thing.kind == "cube" else 1.0)
    cos, sin = reach * math.cos(thing.turn), reach * math.sin(thing.turn)
    turned: Points = _PRISMS[thing.kind] @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, thing.half]])
    turned += (thing.x, thing.y, thing.z)
    return turned


def _hand_points(values: NDArray[np.float32], joints: Points) -> Points:
    """Return wrist and palm, then palm, knuckle and tip of both fingers, float64 (8, 3) in metres."""
    wrist, tip = joints[3], joints[4]
    along = (tip - wrist) / HAND
    pan, roll, grip = math.radians(values[0]), math.radians(values[4]), float(values[5]) / 100
    x, y, z = along.tolist()
    cos, sin = math.cos(pan), math.sin(pan)  # (-sin, cos, 0) points to the hand's left where it is not rolled
    upright = np.array([-z * cos, -z * sin, x * cos + y * sin])  # `along` cross left
    across = np.array([-sin, cos, 0.0]) * math.cos(roll) + upright * math.sin(roll)
    palm, knuckle = wrist + along * 0.045, across * (0.012 + 0.03 * grip)
    left, right = palm - knuckle, palm + knuckle
    return np.array([wrist, palm, palm, left, tip - knuckle * 0.85, palm, right, tip + knuckle * 0.85])


def listed(projected: Points) -> Projected:
    """Return projected points as a list, because Pillow and sums of a few numbers are faster with plain floats."""
    return [(column, row, depth) for column, row, depth in projected.tolist()]


def mean_depth(projected: Projected) -> float:
    """Return the mean depth, in metres."""
    return sum(depth for _, _, depth in projected) / len(projected)


def pixels_of(projected: Projected) -> Pixels:
    """Return columns and rows, without the depths."""
    return [(column, row) for column, row, _ in projected]


def _paint_link(pen: ImageDraw.ImageDraw, ends: Pixels, size: int) -> None:
    for scale, tone in ((1.0, 0.55), (0.78, 1.0), (0.22, 1.25)):
        lift = size * 0.16 if scale < 0.5 else 0.0
        pen.line([(x, y - lift) for x, y in ends], shade(_ARM, tone), max(1, round(size * scale)))
    for x, y in ends:
        _ball(pen, x, y, size * 0.62, METAL)


def _paint_hand(pen: ImageDraw.ImageDraw, points: Pixels, palm: int, fingers: list[int]) -> None:
    _paint_link(pen, points[:2], palm)
    for finger, size in zip((points[2:5], points[5:8]), fingers, strict=True):
        rounded_line(pen, finger, shade(METAL, 0.7), size + 3)
        rounded_line(pen, finger, shade(METAL, 1.9), max(1, size - 3))


def _paint_thing(pen: ImageDraw.ImageDraw, points: Pixels, thing: Thing, to_eye: tuple[float, float]) -> None:
    corners = len(points) // 2
    low, high = points[:corners], points[corners:]
    for corner in range(corners):
        turn = thing.turn + (corner + 0.5) * 2 * math.pi / corners
        if math.cos(turn) * to_eye[0] + math.sin(turn) * to_eye[1] > 0:
            following = (corner + 1) % corners
            tone = round(0.62 + 0.16 * math.cos(turn + 0.6), 2)
            pen.polygon([low[corner], low[following], high[following], high[corner]], shade(thing.colour, tone))
    pen.polygon(high, shade(thing.colour, 1.08), outline=shade(thing.colour, 0.8))


def rounded_line(pen: ImageDraw.ImageDraw, points: Pixels, colour: Colour | int, width: int) -> None:
    """Draw connected lines with a disc at each inner joint, which costs far less than Pillow's `joint="curve"`."""
    pen.line(points, colour, width)
    radius = width / 2 - 1
    for x, y in points[1:-1] if radius > 1 else ():
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), colour)


@lru_cache(4096)
def shade(colour: Colour, factor: float) -> Colour:
    """Return a colour that is lighter (`factor` above 1) or darker."""
    red, green, blue = (min(255, max(0, round(channel * factor))) for channel in colour)
    return red, green, blue


def _ball(pen: ImageDraw.ImageDraw, x: float, y: float, radius: float, colour: Colour) -> None:
    for scale, tone in ((1.0, 0.6), (0.8, 1.1), (0.35, 1.6)):
        size, lift = radius * scale, radius * 0.2 * (scale < 0.5)
        left, top = x - lift - size, y - lift - size
        pen.ellipse((left, top, left + 2 * size, top + 2 * size), shade(colour, tone))
