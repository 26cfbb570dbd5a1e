"""Draw the simulated world as a colour camera sees it, fast enough for three cameras on a part of one core.

The background is drawn once. Only the part of the image that the moving objects fill is drawn again, at twice the
size and then halved for smooth edges.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from robotdata.capture.sim_world import HAND, TABLE, Scene, Thing, forward_kinematics

Points = NDArray[np.float64]
Colour = tuple[int, int, int]
Part = tuple[float, Callable[[ImageDraw.ImageDraw], None]]
_UP = np.array([0.0, 0.0, 1.0])
_LIGHT = np.array([0.35, -0.25])  # offset of a shadow, metres per metre of height
_MAT: Colour = (58, 66, 78)
_LINE: Colour = (82, 92, 106)
_ARM: Colour = (236, 152, 44)
_METAL: Colour = (64, 70, 80)
_MARGIN_M = 0.05
_WIDTHS = (0.055, 0.042, 0.036)
_CIRCLE = np.stack([np.cos(np.arange(24) * np.pi / 12), np.sin(np.arange(24) * np.pi / 12)], axis=1)
EYES = {
    "front": (np.array([0.98, 0.10, 0.56]), np.array([0.17, 0.0, 0.09]), 1.05),
    "top": (np.array([0.25, 0.0, 1.02]), np.array([0.26, 0.0, 0.0]), 1.06),
}


class Lens:
    """A pinhole camera at `eye` that looks at `target` (metres); `focal` is in widths of the image."""

    def __init__(self, eye: Points, target: Points, focal: float, width: int, height: int) -> None:
        forward = (target - eye) / np.linalg.norm(target - eye)
        right = np.cross(forward, _UP)
        right /= np.linalg.norm(right)
        self.eye = eye
        self._axes = np.stack([right, np.cross(right, forward) * -1, forward])
        self._scale = focal * width
        self._middle = np.array([width / 2, height / 2])
        self._corner: Points = np.zeros(2)

    def move_to(self, column: int, row: int) -> None:
        """Make this pixel the origin, to draw a part of the image."""
        self._corner = np.array([column, row], np.float64)

    def project(self, points: Points) -> Points:
        """Project points, float64 (n, 3) in metres, to (n, 3): column, row (pixels) and depth (metres).

        A point behind the camera gets the least depth, 0.02 m.
        """
        projected: Points = (points - self.eye) @ self._axes.T
        depth = np.maximum(projected[:, 2:], 0.02, out=projected[:, 2:])
        projected[:, :2] *= self._scale / depth
        projected[:, :2] += self._middle - self._corner
        return projected

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
        out = np.array([joints[4][0], joints[4][1], 0.0])
        out /= max(float(np.linalg.norm(out)), 1e-6)
        eye = wrist - along * 0.05 + out * 0.055
        return self._make_lens(eye, tip + along * 0.05 + out * 0.012, 0.85)

    def _parts(self, scene: Scene, joints: Points) -> list[Part]:
        """Return the depth of each part and the function that draws it."""
        parts: list[Part] = []
        for thing in scene.things:
            middle = np.array([[thing.x, thing.y, thing.z + thing.half]])
            parts.append((float(self._lens.project(middle)[0, 2]), partial(self._thing, thing=thing)))
        for index in range(3) if self._view != "wrist" else ():
            link = partial(self._link, ends=joints[index : index + 2], width=_WIDTHS[index])
            parts.append((float(self._lens.project(joints[index : index + 2])[:, 2].mean()), link))
        hand = partial(self._hand, wrist=joints[3], tip=joints[4], joints=scene.joints)
        parts.append((float(self._lens.project(joints[3:5])[:, 2].mean()), hand))
        return parts

    def _link(self, pen: ImageDraw.ImageDraw, ends: Points, width: float) -> None:
        projected = self._lens.project(ends)
        (a, b) = [(float(x), float(y)) for x, y in projected[:, :2]]
        size = self._lens.size(width, float(projected[:, 2].mean()))
        for scale, colour in ((1.0, _shade(_ARM, 0.55)), (0.78, _ARM), (0.22, _shade(_ARM, 1.25))):
            lift = -size * 0.16 if scale < 0.5 else 0.0
            line = [(a[0], a[1] + lift), (b[0], b[1] + lift)]
            pen.line(line, colour, max(1, round(size * scale)))
        for x, y in (a, b):
            _ball(pen, x, y, size * 0.62, _METAL)

    def _hand(self, pen: ImageDraw.ImageDraw, wrist: Points, tip: Points, joints: NDArray[np.float32]) -> None:
        along = (tip - wrist) / max(float(np.linalg.norm(tip - wrist)), 1e-6)
        pan, roll = np.deg2rad(float(joints[0])), np.deg2rad(float(joints[4]))
        side = np.array([-np.sin(pan), np.cos(pan), 0.0])
        across = side * np.cos(roll) + np.cross(along, side) * np.sin(roll)
        palm = wrist + along * 0.045
        open_m = 0.012 + 0.03 * float(joints[5]) / 100
        self._link(pen, np.stack([wrist, palm]), 0.03)
        for sign in (-1.0, 1.0):
            knuckle = palm + across * sign * open_m
            projected = self._lens.project(np.stack([palm, knuckle, tip + across * sign * open_m * 0.85]))
            line = [(float(x), float(y)) for x, y in projected[:, :2]]
            size = self._lens.size(0.012, float(projected[:, 2].mean()))
            pen.line(line, _shade(_METAL, 0.7), size + 3, joint="curve")
            pen.line(line, _shade(_METAL, 1.9), max(1, size - 3), joint="curve")

    def _thing(self, pen: ImageDraw.ImageDraw, thing: Thing) -> None:
        corners = 4 if thing.kind == "cube" else 12
        reach = thing.half * (1.35 if corners == 4 else 1.0)
        ring = _ring(thing, corners, reach, thing.z)
        projected = self._lens.project(np.concatenate([ring, ring + [0, 0, 2 * thing.half]]))
        dots = _flat(projected[:, :2])
        low, high = dots[:corners], dots[corners:]
        to_eye = self._lens.eye[0] - thing.x, self._lens.eye[1] - thing.y
        for corner in range(corners):
            turn = thing.turn + (corner + 0.5) * 2 * math.pi / corners
            if math.cos(turn) * to_eye[0] + math.sin(turn) * to_eye[1] > 0:
                following = (corner + 1) % corners
                tone = round(0.62 + 0.16 * math.cos(turn + 0.6), 2)
                pen.polygon([low[corner], low[following], high[following], high[corner]], _shade(thing.colour, tone))
        pen.polygon(high, _shade(thing.colour, 1.08), outline=_shade(thing.colour, 0.8))


class Painter(Shapes):
    """Draws what one colour camera sees of the world."""

    def __init__(self, view: str, width: int, height: int) -> None:
        # All of the wrist camera's image moves, so it is drawn at its own size.
        self._oversampling = factor = 2 if view in EYES else 1
        super().__init__(view, width * factor, height * factor)
        self._background: Image.Image | None = None
        if view in EYES:
            self._background = self._draw_background()
            self._small = np.array(self._background.reduce(factor))

    def draw(self, scene: Scene) -> NDArray[np.uint8]:
        """Return the image of `scene`, a new array uint8 (height, width, 3)."""
        joints = forward_kinematics(scene.joints)
        if self._background is None:
            self._lens = self._wrist_lens(joints)
            image = self._floor()
            self._paint(image, scene, joints)
            return np.array(image)
        self._lens.move_to(0, 0)
        left, top, right, bottom = box = self._moving(scene, joints)
        self._lens.move_to(left, top)
        image = self._background.crop(box)
        self._paint(image, scene, joints)
        rgb = self._small.copy()
        rgb[top // 2 : bottom // 2, left // 2 : right // 2] = np.asarray(image.reduce(self._oversampling))
        return rgb

    def _paint(self, image: Image.Image, scene: Scene, joints: Points) -> None:
        pen = ImageDraw.Draw(image, "RGBA")
        self._shadows(pen, scene, joints)
        for _, paint in sorted(self._parts(scene, joints), key=lambda part: -part[0]):
            paint(pen)

    def _moving(self, scene: Scene, joints: Points) -> tuple[int, int, int, int]:
        """Return the box (left, top, right, bottom), in even pixels, that arm, objects and shadows may fill."""
        things = np.array([[thing.x, thing.y, thing.z] for thing in scene.things])
        solid = np.concatenate([joints, things])
        projected = self._lens.project(np.concatenate([solid, _on_ground(solid)]))
        margin = self._lens.size(_MARGIN_M, float(projected[:, 2].min()))
        low = np.clip(projected[:, :2].min(axis=0) - margin, 0, (self._width - 2, self._height - 2))
        high = np.clip(projected[:, :2].max(axis=0) + margin, low + 2, (self._width, self._height))
        left, top = (int(pixel) // 2 * 2 for pixel in low)
        right, bottom = (int(pixel) // 2 * 2 for pixel in high)
        return left, top, right, bottom

    def _shadows(self, pen: ImageDraw.ImageDraw, scene: Scene, joints: Points) -> None:
        for thing in scene.things:
            for grow, alpha in ((1.5, 34), (1.2, 60)):
                ring = _ring(thing, 12, thing.half * grow, 0.0)
                ring[:, :2] += _LIGHT * (thing.z + thing.half)
                pen.polygon(_flat(self._lens.project(ring)[:, :2]), (8, 10, 14, alpha))
        projected = self._lens.project(_on_ground(joints))
        line = [(float(x), float(y)) for x, y in projected[:, :2]]
        for width, alpha in ((0.055, 34), (0.035, 52)):
            pen.line(line, (8, 10, 14, alpha), self._lens.size(width, float(projected[:, 2].mean())), joint="curve")

    def _floor(self) -> Image.Image:
        image = Image.new("RGB", (self._width, self._height), (186, 178, 166))
        self._mat(ImageDraw.Draw(image))
        return image

    def _mat(self, pen: ImageDraw.ImageDraw) -> None:
        x0, x1, y0, y1 = TABLE
        corners = np.array([[x0, y0, 0], [x1, y0, 0], [x1, y1, 0], [x0, y1, 0]], float)
        pen.polygon(_flat(self._lens.project(corners)[:, :2]), _MAT)
        lines = [[[x, y0, 0], [x, y1, 0]] for x in np.arange(x0, x1 + 0.01, 0.06)]
        lines += [[[x0, y, 0], [x1, y, 0]] for y in np.arange(y0, y1 + 0.01, 0.06)]
        for line in lines:
            projected = self._lens.project(np.array(line, float))
            pen.line(_flat(projected[:, :2]), _LINE, self._lens.size(0.0016, float(projected[:, 2].mean())))

    def _draw_background(self) -> Image.Image:
        """Return wall, table, mat and the arm's foot, lit from one side."""
        rows = np.linspace(0, 1, self._height)[:, None, None]
        wall = np.array([203, 210, 216]) * (1 - 0.28 * rows) + np.zeros((1, self._width, 1))
        image = Image.fromarray(wall.astype(np.uint8))
        pen = ImageDraw.Draw(image)
        x0, x1, y0, y1 = -0.35, TABLE[1] + 0.06, TABLE[2] - 0.25, TABLE[3] + 0.25
        table = np.array([[x0, y0, 0], [x1, y0, 0], [x1, y1, 0], [x0, y1, 0]], float)
        edge = table - np.array([0, 0, 0.04])
        pen.polygon(_flat(self._lens.project(edge)[:, :2]), (120, 92, 66))
        pen.polygon(_flat(self._lens.project(table)[:, :2]), (188, 152, 112))
        rng = np.random.default_rng(3)
        for y in np.arange(y0, y1, 0.012):  # the grain of the wood
            tone = float(rng.uniform(0.93, 1.05))
            projected = self._lens.project(np.array([[x0, y, 0], [x1, y + rng.uniform(-0.02, 0.02), 0]]))
            pen.line(_flat(projected[:, :2]), _shade((188, 152, 112), tone), 3)
        self._mat(pen)
        self._foot(pen)
        image = image.filter(ImageFilter.GaussianBlur(1.2))
        across = np.linspace(1.06, 0.86, self._width)[None, :, None]
        lit = np.asarray(image).astype(np.float32) * across
        lit += np.random.default_rng(5).normal(0, 2.0, lit.shape[:2])[:, :, None]
        return Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8))

    def _foot(self, pen: ImageDraw.ImageDraw) -> None:
        foot = Thing("disc", _METAL, 0.0, 0.0, 0.0, 0.03, 0.0)
        ring = _ring(foot, 24, 0.085, 0.0)
        pen.polygon(_flat(self._lens.project(ring + [0.01, -0.01, 0])[:, :2]), (40, 40, 44))
        pen.polygon(_flat(self._lens.project(ring)[:, :2]), _shade(_METAL, 0.8))
        pen.polygon(_flat(self._lens.project(ring + [0, 0, 0.03])[:, :2]), _METAL)


def _on_ground(points: Points) -> Points:
    """Return the shadows of points on the table."""
    ground = points.copy()
    ground[:, :2] += ground[:, 2:] * _LIGHT
    ground[:, 2] = 0
    return ground


def _ring(thing: Thing, corners: int, reach: float, z: float) -> Points:
    turns = thing.turn + np.arange(corners) * 2 * np.pi / corners
    return np.stack([thing.x + reach * np.cos(turns), thing.y + reach * np.sin(turns), np.full(corners, z)], axis=1)


def _flat(points: Sequence[NDArray[np.float64]] | Points) -> list[tuple[float, float]]:
    return [(x, y) for x, y in np.asarray(points).tolist()]


@lru_cache(4096)
def _shade(colour: Colour, factor: float) -> Colour:
    red, green, blue = (min(255, max(0, round(channel * factor))) for channel in colour)
    return red, green, blue


def _ball(pen: ImageDraw.ImageDraw, x: float, y: float, radius: float, colour: Colour) -> None:
    for scale, tone in ((1.0, 0.6), (0.8, 1.1), (0.35, 1.6)):
        size, lift = radius * scale, radius * 0.2 * (scale < 0.5)
        # A polygon, because Pillow takes milliseconds for a large ellipse.
        pen.polygon(_flat(_CIRCLE * size + [x - lift, y - lift]), _shade(colour, tone))
