"""Devices as a package would bring them, which misbehave as soon as a file says so: `mood = "/path"` in the rig's file.

Everything they give is counted: value and picture n say n, so that whoever reads them sees what is missing or shifted.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from robotdata.capture import clock
from robotdata.capture.devices import DeviceContext, Picture
from robotdata.capture.options import Options
from robotdata.video.barcode import Barcode, draw
from robotdata.video.jpeg import encode_jpeg

GROUP = "robotdata.devices"
SENT = 1000
"""What the teleoperator adds to the state that it was shown."""

PICTURES = ("half size", "grey", "rgba", "float", "cut", "garbage", "same", "flat", "no picture")
"""What a camera knows to do wrong."""

_FEATURE = {"dtype": "float32", "shape": [6], "names": [f"joint_{number}.pos" for number in range(6)]}


def install(folder: Path) -> dict[str, str]:
    """The environment in which a rig finds these devices, as if their package were installed."""
    about = folder / "odd_devices-1.0.dist-info"
    about.mkdir(parents=True, exist_ok=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: odd-devices\nVersion: 1.0\n")
    kinds = [f"{kind}.odd = {__name__}:make_{kind}" for kind in ("robot", "teleoperator", "camera")]
    (about / "entry_points.txt").write_text(f"[{GROUP}]\n" + "\n".join(kinds) + "\n")
    return {"PYTHONPATH": f"{folder}:{Path(__file__).parents[2]}"}


class Mood:
    """What the file says now, where it is one of `known`; with ` once` behind it is forgotten when it was heard."""

    def __init__(self, options: Options, *known: str) -> None:
        self._known = known
        path = options.text("mood", "none")
        self._path = None if path == "none" else Path(path)

    def now(self) -> str:
        if self._path is None:
            return ""
        with contextlib.suppress(FileNotFoundError):
            said = self._path.read_text().strip()
            if not said.startswith(self._known):
                return ""
            if said.endswith(" once"):
                self._path.write_text("")
            return said.removesuffix(" once")
        return ""


class OddRobot:
    """Says how often it was asked, in each of its six joints; `late S` waits so many seconds before it does."""

    robot_type = "odd_arm"
    features: Mapping[str, Mapping[str, Any]] = {"action": _FEATURE, "observation.state": _FEATURE}

    def __init__(self, mood: Mood) -> None:
        self._mood = mood
        self._number = itertools.count()

    def connect(self) -> None:
        pass

    def observe(self) -> dict[str, Any]:
        state = np.full(6, next(self._number), np.float32)
        mood, _, more = self._mood.now().partition(" ")
        if mood in ("late", "slow"):
            time.sleep(float(more))
        elif mood == "five":
            state = state[:5]
        elif mood in ("nan", "inf"):
            state[2] = float(mood)
        elif mood == "nothing":
            return {}
        return {"observation.state": state}

    def act(self, action: Any) -> Any:
        return action

    def disconnect(self) -> None:
        pass


class OddTeleoperator:
    """Sends the state back, and SENT on top."""

    def __init__(self, mood: Mood) -> None:
        self._mood = mood

    def connect(self) -> None:
        pass

    def action(self, observation: Mapping[str, Any]) -> Any:
        sent = np.asarray(observation.get("observation.state", np.zeros(6)), np.float32) + SENT
        return sent[:4] if self._mood.now() == "four sent" else sent

    def disconnect(self) -> None:
        pass


class OddCamera:
    """Its n-th picture says n."""

    def __init__(self, context: DeviceContext, mood: Mood) -> None:
        self._about, self._mood = context, mood
        self._number = itertools.count(1)
        self._due = 0.0

    def connect(self) -> None:
        self._due = time.monotonic()

    def read(self) -> Picture:
        self._due = max(self._due + 1 / self._about.camera_fps, time.monotonic() - 1)
        time.sleep(max(0.0, self._due - time.monotonic()))
        number = next(self._number)
        rgb = np.full((self._about.height, self._about.width, 3), 90 + number % 60, np.uint8)
        draw(rgb, Barcode(number % 65_536, 1, self._about.camera_index))
        return self._given(rgb, self._mood.now())

    def disconnect(self) -> None:
        pass

    def _given(self, rgb: Any, mood: str) -> Picture:
        now = clock.monotonic_ns()
        jpeg = encode_jpeg(rgb)
        odd: dict[str, Any] = {
            "half size": {"rgb": rgb[::2, ::2].copy()},
            "half size jpeg": {"packet": encode_jpeg(rgb[::2, ::2].copy())},
            "grey": {"rgb": rgb[..., 0].copy()},
            "rgba": {"rgb": np.dstack([rgb, rgb[..., :1]])},
            "float": {"rgb": rgb.astype(np.float32)},
            "grey jpeg": {"packet": _grey(rgb)},
            "cut jpeg": {"packet": jpeg[: len(jpeg) // 2]},
            "garbage": {"packet": bytes(np.random.default_rng(5).integers(0, 256, 900, np.uint8))},
        }
        return Picture(now, **odd.get(mood, {"packet": jpeg}))


def _grey(rgb: Any) -> bytes:
    import io

    from PIL import Image

    made = io.BytesIO()
    Image.fromarray(rgb[..., 0]).save(made, "JPEG")
    return made.getvalue()


def make_robot(context: DeviceContext, options: Options) -> OddRobot:
    return OddRobot(Mood(options, "late", "slow", "five", "nan", "inf", "nothing"))


def make_teleoperator(context: DeviceContext, options: Options) -> OddTeleoperator:
    return OddTeleoperator(Mood(options, "four sent"))


def make_camera(context: DeviceContext, options: Options) -> OddCamera:
    return OddCamera(context, Mood(options, *PICTURES))
